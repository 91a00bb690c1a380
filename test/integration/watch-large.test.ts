/** Large things, whole: a revision of 100,000 events, 10,000 ranges in one group, overlapping ranges. */
import { connect, type Etcd } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WatchFleet } from '../fault/watch-fleet.js';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import type { EtcdOptions } from '../support/etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

/** A server of its own and an engine on it, anew for each test. */
function bench(options: EtcdOptions) {
  const server = suiteEtcd(options);
  const open = {} as { raw: RawEtcd; etcd: Etcd }; // filled before each test
  beforeEach(async () => {
    open.raw = new RawEtcd(server().address);
    open.etcd = await connect({ endpoints: server().endpoint, shards: 1 });
  });
  afterEach(async () => {
    await open.etcd.close();
    open.raw.close();
  });
  return { server, open };
}

describe('a large revision', () => {
  // The time etcd takes to split an answer grows with the square of the events in a fragment, and that of 3.4 to look up
  // previous values with the square of their number: few and large events where they are asked for.
  const { server, open } = bench({ quiet: true, maxRequestBytes: 256 << 10 });

  it.each([
    { name: 'live', keys: 100_000, prevKv: false, fragment: undefined, replayed: false },
    { name: 'live, with previous values, in fragments', keys: 500, prevKv: true, fragment: true, replayed: false },
    {
      name: 'replayed, with previous values, in fragments',
      keys: 500,
      prevKv: true,
      fragment: true,
      replayed: true,
    },
  ])(
    '$keys keys deleted in one revision come as one revision: $name',
    { timeout: 300_000 },
    async ({ name, keys, prevKv, fragment, replayed }) => {
      const { raw, etcd } = open;
      const prefix = `many-${name.length.toString()}/`;
      const valueBytes = prevKv ? 8_000 : 40;
      const keysPerRevision = prevKv ? 20 : 100;
      const load = { prefix, keys, keysPerRevision, valueBytes };
      await putMany(server().address, keys / keysPerRevision, load);
      const before = await raw.revision();
      const revisions: {
        readonly revision: bigint;
        readonly count: number;
        readonly keys: number;
        readonly previous: number;
      }[] = [];
      const memory = process.memoryUsage.rss();
      let peak = memory;
      const group = etcd.watchGroup({
        onBatch: (batch) => {
          for (const part of batch.parts) {
            // A part holds whole revisions, one or more: each is counted by itself.
            const found = new Map<bigint, { names: Set<string>; count: number; previous: number }>();
            for (const event of part.events) {
              const { modRevision } = event;
              const one = found.get(modRevision) ?? { names: new Set<string>(), count: 0, previous: 0 };
              found.set(modRevision, one);
              one.names.add(event.key.string());
              one.count += 1;
              if (event.type === 'delete' && event.prevKv?.value.length === valueBytes) one.previous += 1;
            }
            peak = Math.max(peak, process.memoryUsage.rss());
            for (const [revision, { names, count, previous }] of found) {
              revisions.push({ revision, count, keys: names.size, previous });
            }
          }
        },
      });
      if (!replayed) await group.add({ prefix }, { prevKv, fragment }).ready;
      const deleted = await raw.delete(prefix, prefixEnd(prefix));
      if (replayed) group.add({ prefix }, { prevKv, fragment, startRevision: before + 1n });
      const last = await raw.put(`${prefix}end`, 'end');
      await eventually(() => revisions.length >= 2, { what: 'the deletion and what came after it' });
      expect(revisions).toEqual([
        { revision: deleted, count: keys, keys, previous: prevKv ? keys : 0 },
        { revision: last, count: 1, keys: 1, previous: 0 },
      ]);
      process.stderr.write(`${name}: rss grew by ${((peak - memory) / 2 ** 20).toFixed(0)} MiB\n`);
      // 100,000 events are some 5 MB, 500 with previous values 4 MB; they may exist as fragments, as a batch,
      // and as what the test itself keeps.
      expect(peak - memory).toBeLessThan(400 * 2 ** 20);
    },
  );
});

describe('an answer too large to come whole', () => {
  const { server, open } = bench({ quiet: true });

  it('is asked for again in fragments; other watches of the stream lose and double nothing', async () => {
    const { raw, etcd } = open;
    // A catch-up answer holds up to 1,000 revisions: 24 MB here, against a limit of 16 MiB.
    await putMany(server().address, 600, { prefix: 'large/', keys: 600, valueBytes: 40_000 });
    const fleet = new WatchFleet(etcd);
    for (const prefix of ['large/', 'small/']) fleet.addPrefix(prefix, prefixEnd(prefix), { startRevision: 1n });
    await putMany(server().address, 200, { prefix: 'small/', keys: 20 });
    const last = await fleet.settle(raw);
    await fleet.verify(raw, last);
    const { shards } = await etcd.stats();
    expect(shards[0]?.stats?.resumes).toBeGreaterThan(0);
  });
});

describe('very many ranges', () => {
  // A server of its own: after a large deletion etcd 3.4 takes milliseconds for each creation.
  const { server, open } = bench({ quiet: true });

  it('10,000 ranges in one group: each sees its own events, all of them, once', async () => {
    const { raw, etcd } = open;
    const fleet = new WatchFleet(etcd);
    for (let index = 0; index < 9_800; index += 1) fleet.addKey(`range/${String(index)}`);
    for (let index = 0; index < 100; index += 1)
      fleet.addPrefix(`range/${String(index)}`, prefixEnd(`range/${String(index)}`));
    // Overlapping with each other and with all the keys.
    for (let index = 0; index < 100; index += 1) {
      fleet.add({ key: `range/${String(index)}`, rangeEnd: `range/${String(index)}~~` }, `range/${String(index)}`);
    }
    await fleet.group.ready();
    expect(fleet.living.length).toBe(10_000);
    await putMany(server().address, 5_000, { prefix: 'range/', keys: 9_800, deleteEvery: 4 });
    const last = await fleet.settle(raw);
    await fleet.verify(raw, last);
  });
});
