/** Consumers that do not keep up, on a real etcd: bounded memory, nobody else delayed, every event when they read again. */
import { connect, type Etcd, type EngineStatus, type Watcher } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const WRITES = 10_000;
const VALUE_BYTES = 2_048;
const BUDGET_BYTES = 1024 * 1024;
const CREDIT_BYTES = 1024 * 1024;

describe.each([1, 'inline'] as const)('a consumer that does not read, with shards %s', (shards) => {
  const server = suiteEtcd();
  let etcd: Etcd;
  let statuses: EngineStatus['type'][];

  beforeEach(async () => {
    etcd = await connect({ endpoints: server().endpoint, shards, creditBytes: CREDIT_BYTES });
    statuses = [];
    const { status } = etcd;
    void (async () => {
      for await (const { type } of status) statuses.push(type);
    })();
  });
  afterEach(() => etcd.close());

  /** Revisions in the order read, until the last one wanted. */
  async function readTo(watcher: Watcher, last: bigint): Promise<bigint[]> {
    const revisions: bigint[] = [];
    for await (const batch of watcher) {
      for (const event of batch) revisions.push(event.modRevision);
      if (batch.revision >= last) break;
    }
    return revisions;
  }

  test('holds no more than its budget and what was on its way, delays nobody, and has every event later', async () => {
    const slow = etcd.watch({ prefix: 'load/' }, { budgetBytes: BUDGET_BYTES });
    let seen = 0;
    const fast = etcd.watch({ prefix: 'load/' }, { onBatch: (batch) => void (seen += batch.length) });
    await Promise.all([slow.ready, fast.ready]);
    let mostQueued = 0;
    let isOver = false;
    const measuring = (async () => {
      while (!isOver) {
        mostQueued = Math.max(mostQueued, (await etcd.stats()).queuedBytes);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const { firstRevision, lastRevision } = await putMany(server().address, WRITES, { valueBytes: VALUE_BYTES });
    await eventually(() => seen === WRITES, { what: 'the other watch' });
    isOver = true;
    await measuring;
    expect(statuses).toContain('watch-lagging');
    expect((await etcd.stats()).laggingWatchers).toBe(1);
    // One batch may come when the budget is all but full; the credit bounds what is on its way after that.
    expect(mostQueued).toBeLessThan(2 * BUDGET_BYTES + CREDIT_BYTES);
    expect(mostQueued).toBeGreaterThan(BUDGET_BYTES);
    const revisions = await readTo(slow, lastRevision);
    expect(revisions).toEqual(Array.from({ length: WRITES }, (_, index) => firstRevision + BigInt(index)));
    expect(statuses).toContain('watch-caught-up');
  });

  test('that asked to fail is ended typed, after what it had; the revision tells where to go on', async () => {
    const slow = etcd.watch({ prefix: 'fail/' }, { budgetBytes: BUDGET_BYTES, onLag: 'fail' });
    await slow.ready;
    const load = { valueBytes: VALUE_BYTES, prefix: 'fail/' };
    const { firstRevision, lastRevision } = await putMany(server().address, WRITES / 4, load);
    const revisions: bigint[] = [];
    const reading = (async () => {
      for await (const batch of slow) for (const event of batch) revisions.push(event.modRevision);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'lagging' });
    const end = await slow.ended;
    expect(end).toMatchObject({ reason: 'failed', error: { code: 'lagging' }, lastRevision: revisions.at(-1) });
    const next = etcd.watch({ prefix: 'fail/' }, { startRevision: (end.lastRevision ?? 0n) + 1n });
    const rest = await readTo(next, lastRevision);
    expect([...revisions, ...rest]).toEqual(
      Array.from({ length: WRITES / 4 }, (_, index) => firstRevision + BigInt(index)),
    );
  });
});
