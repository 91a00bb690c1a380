/** How events are gathered under load: `flushIntervalMs`, over both transports, in a thread and inline, on a real etcd. */
import { connect, type ConnectOptions } from 'etcd-vigil';
import { expect, test } from 'vitest';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const server = suiteEtcd();
const PUTS = 3_000;
/** Many, so that the shard stays busy on a machine that is busy itself. */
const AT_ONCE = 500;
const INTERVAL_MS = 100;

/** How many batches bring all events of a busy writer, each exactly once and in order; and how long it takes. */
async function batchesOf(
  prefix: string,
  options: Partial<ConnectOptions>,
): Promise<{ readonly batches: number; readonly ms: number }> {
  const etcd = await connect({ endpoints: server().endpoint, ...options });
  const writer = new RawEtcd(server().address);
  const revisions: bigint[] = [];
  let batches = 0;
  try {
    const watcher = etcd.watch(
      { prefix },
      {
        onBatch: (batch) => {
          batches += 1;
          for (const event of batch) revisions.push(event.modRevision);
        },
      },
    );
    await watcher.ready;
    const begun = performance.now();
    for (let first = 0; first < PUTS; first += AT_ONCE) {
      const puts = Array.from({ length: Math.min(AT_ONCE, PUTS - first) }, (_, index) =>
        writer.put(`${prefix}${String(first + index)}`, 'x'),
      );
      await Promise.all(puts);
    }
    await eventually(() => revisions.length >= PUTS, { what: 'the events' });
    const ms = performance.now() - begun;
    expect(revisions).toEqual(revisions.map((_, index) => (revisions[0] ?? 0n) + BigInt(index)));
    expect(revisions).toHaveLength(PUTS);
    return { batches, ms };
  } finally {
    await etcd.close();
    writer.close();
  }
}

const ways: [string, Partial<ConnectOptions>][] = [
  ['a thread over http2', { shards: 1 }],
  ['a thread over grpc-js', { shards: 1, transport: 'grpc-js' }],
  ['inline over http2', { shards: 'inline' }],
  ['inline over grpc-js', { shards: 'inline', transport: 'grpc-js' }],
];

test.each(ways)('%s gathers the events of a busy writer, and loses and doubles none', async (name, options) => {
  const { batches, ms } = await batchesOf(`${name}/`, { ...options, flushIntervalMs: INTERVAL_MS });
  // One for each burst, whose first events do not wait, and one for each interval; with an interval of 0 there are more.
  expect(batches).toBeLessThanOrEqual(PUTS / AT_ONCE + ms / INTERVAL_MS);
});

test.each(ways)('%s loses and doubles none when nothing is to wait', async (name, options) => {
  await batchesOf(`${name}/at once/`, { ...options, flushIntervalMs: 0 });
});
