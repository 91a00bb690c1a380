/** Consumers that do not read, for as long as the caller says: shared by the tests (seconds) and the soak (a minute). */
import type { Etcd, GroupBatch } from 'etcd-vigil';
import { expect } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordWatch } from '../support/engine-fixture.js';
import { LoadWriter } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, type RawEtcd } from '../support/raw-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';
import { WatchTruth } from '../support/watch-truth.js';
import { StatusLog } from './status-log.js';
import { WatchFleet } from './watch-fleet.js';

export interface LagBench {
  readonly address: string;
  readonly raw: RawEtcd;
  readonly etcd: Etcd;
  readonly prefix: string;
  readonly unreadMs: number;
  readonly writesPerSecond: number;
}

/** Writes of our own reach a watch that is read, one after the other, while others are not. Gives how many did. */
async function probeOthers({ raw, prefix, unreadMs }: LagBench, fleet: WatchFleet, label: bigint): Promise<number> {
  const until = performance.now() + unreadMs;
  let probes = 0;
  while (performance.now() < until) {
    const revision = await raw.put(`${prefix}0`, 'probe');
    await eventually(() => fleet.recorder.lastRevision(label) >= revision, { intervalMs: 1 });
    probes += 1;
    await sleep(50);
  }
  return probes;
}

function startLoad({ address, prefix, writesPerSecond, unreadMs }: LagBench, valueBytes: number): LoadWriter {
  const writes = Math.ceil((writesPerSecond * unreadMs) / 1_000);
  return LoadWriter.start({ address, writes, writesPerSecond, prefix, keys: 50, valueBytes });
}

/** One member of a group is paused while the others are read. */
export async function pausedMember(bench: LagBench): Promise<void> {
  const { etcd, prefix, raw } = bench;
  const fleet = new WatchFleet(etcd);
  for (let index = 0; index < 50; index += 1) fleet.addKey(`${prefix}${String(index)}`);
  const all = fleet.addPrefix(prefix, prefixEnd(prefix));
  const paused = fleet.addPrefix(prefix, prefixEnd(prefix));
  // Paused before the server has even created it: nothing of it may pile up either.
  const early = fleet.addPrefix(prefix, prefixEnd(prefix));
  early.pause();
  await fleet.group.ready();
  const load = startLoad(bench, 1_000);
  try {
    await eventually(() => fleet.recorder.count(all.watchId) > 200);
    paused.pause();
    const held = fleet.recorder.count(paused.watchId);
    const probes = await probeOthers(bench, fleet, all.watchId);
    const stats = await etcd.stats();
    expect(fleet.recorder.count(paused.watchId)).toBe(held);
    expect(fleet.recorder.count(early.watchId)).toBe(0);
    expect(stats.shards.reduce((sum, shard) => sum + (shard.stats?.watchers.detached ?? 0), 0)).toBe(2);
    // Only what was on its way when they were paused.
    expect(stats.queuedBytes).toBeLessThan(8 * 2 ** 20);
    expect(probes).toBeGreaterThan(0);
    await load.report;
    paused.resume();
    early.resume();
    await fleet.verify(raw, await fleet.settle(raw));
  } finally {
    load.stop();
    await fleet.group.close();
  }
}

/** One whole watch is not iterated while a group of the same engine is read. */
export async function unreadWatch(bench: LagBench): Promise<void> {
  const { etcd, prefix, raw } = bench;
  const status = new StatusLog(etcd);
  const fleet = new WatchFleet(etcd);
  const all = fleet.addPrefix(prefix, prefixEnd(prefix));
  const budgetBytes = 256 * 2 ** 10;
  const unread = etcd.watch({ prefix }, { budgetBytes });
  const { startRevision } = await unread.ready;
  await fleet.group.ready();
  const load = startLoad(bench, 1_000);
  try {
    const probes = await probeOthers(bench, fleet, all.watchId);
    await load.report;
    const stats = await etcd.stats();
    expect(stats.laggingWatchers).toBe(1);
    expect(stats.queuedBytes).toBeLessThan(budgetBytes + 8 * 2 ** 20);
    expect(status.of('watch-lagging')).toMatchObject([{ watches: 1 }]);
    expect(probes).toBeGreaterThan(0);
    const last = await fleet.settle(raw);
    const recorder = new WatchRecorder();
    const record = recordWatch(recorder, 'unread');
    for await (const batch of unread) {
      record(batch);
      if (recorder.lastRevision('unread') >= last) break;
    }
    const truth = new WatchTruth(await raw.history(startRevision, last));
    recorder.verify('unread', {
      truth,
      range: { key: prefix, rangeEnd: prefixEnd(prefix) },
      startRevision,
    });
    await fleet.verify(raw, last);
    expect((await unread.ended).reason).toBe('cancelled');
  } finally {
    load.stop();
    await fleet.group.close();
    await unread.cancel();
  }
}

/** So often the slow reader waits until it lags. */
const LAGS = 3;

/** A reader slower than the load: it lags, is detached and replayed again and again, and misses nothing. */
export async function slowReader(bench: LagBench): Promise<void> {
  const { etcd, prefix, raw } = bench;
  const status = new StatusLog(etcd);
  const budgetBytes = 128 * 2 ** 10;
  let sizes = 0;
  let most = 0;
  const fleet = new WatchFleet(etcd, { budgetBytes }, 'iterate');
  for (let index = 0; index < 20; index += 1) fleet.addKey(`${prefix}${String(index)}`);
  fleet.addPrefix(prefix, prefixEnd(prefix));
  fleet.addPrefix(`${prefix}1`, prefixEnd(`${prefix}1`));
  const lags = (): number => status.of('watch-lagging').length;
  let isWriting = true;
  const reading = fleet.read(async (batch: GroupBatch) => {
    sizes += batch.eventCount;
    // However slow the writer is, this reader is slower: unless it lags, it reads on when it does.
    const before = lags();
    const isLagging = before > status.of('watch-caught-up').length;
    if (!isLagging && before < LAGS) await eventually(() => !isWriting || lags() > before);
  });
  await fleet.group.ready();
  const load = startLoad(bench, 1_000);
  const sampling = setInterval(
    () => void etcd.stats().then(({ queuedBytes }) => (most = Math.max(most, queuedBytes))),
    200,
  );
  try {
    await load.report;
    isWriting = false;
    const last = await fleet.settle(raw);
    await fleet.verify(raw, last);
    process.stderr.write(
      `slow reader: ${String(sizes)} events, lagged ${String(lags())} times, at most ${String(most)} bytes queued\n`,
    );
    expect(lags()).toBeGreaterThanOrEqual(LAGS);
    expect(most).toBeLessThan(budgetBytes + 16 * 2 ** 20);
  } finally {
    clearInterval(sampling);
    load.stop();
    await fleet.group.close();
    await reading;
  }
}
