import { describe, expect, test } from 'vitest';
import { EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import type { GroupBatch } from '../../../../src/main/watch/group-batch.js';
import type { LagReport } from '../../../../src/main/watch/lag-report.js';
import { WatchGroup } from '../../../../src/main/watch/watch-group.js';
import type { WatchGroupOptions } from '../../../../src/main/watch/watch-options.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import { batchOf, puts, RecordingLink, turn, type SegmentPlan } from './batches.js';

function setup(options: WatchGroupOptions = {}): {
  link: RecordingLink;
  router: WatchRouter;
  lags: LagReport[];
  group: WatchGroup;
} {
  const link = new RecordingLink();
  const router = new WatchRouter([link]);
  const lags: LagReport[] = [];
  const group = new WatchGroup(router, { budgetBytes: 4_096, ...options }, (report) => lags.push(report));
  return { link, router, lags, group };
}

/** A put of about a kilobyte. */
function big(watch: number, revision: number): SegmentPlan {
  return { watch, events: [{ revision, value: 'x'.repeat(1_000) }] };
}

function queued(router: WatchRouter): number {
  return Array.from(router.owners).reduce((sum, owner) => sum + owner.queuedBytes, 0);
}

async function readRevisions(group: WatchGroup, count: number): Promise<number[]> {
  const read: number[] = [];
  const iterator = group[Symbol.asyncIterator]();
  while (read.length < count) {
    const { value } = await iterator.next();
    for (const part of value as GroupBatch) for (const event of part.events) read.push(Number(event.modRevision));
  }
  return read;
}

describe('a consumer behind its budget', () => {
  test('has the watches that bring events detached, keeps what was on its way, and has them attached when it has read', async () => {
    const { link, router, lags, group } = setup({ name: 'slow' });
    group.add('a');
    group.add('b');
    await turn();
    for (let revision = 1; revision <= 8; revision += 1) router.batch(batchOf(big(1, revision)));
    await turn();
    expect(link.watchesOf('detach')).toEqual([1]);
    expect(lags).toEqual([{ watches: 1, group: 'slow' }]);
    router.batch(batchOf(big(2, 9)));
    await turn();
    expect(link.watchesOf('detach')).toEqual([2]);
    expect(await readRevisions(group, 9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await turn();
    expect(link.watchesOf('attach').sort()).toEqual([1, 2]);
    expect(lags.at(-1)).toEqual({ watches: 0, group: 'slow' });
    expect(queued(router)).toBe(0);
  });

  test('keeps no more than its budget and what was on its way', async () => {
    const { link, router, group } = setup();
    group.add('a');
    await turn();
    let sent = 0;
    // A shard stops at once when told to detach; what it had posted by then is what one turn brings.
    while (link.watchesOf('detach').length === 0) {
      router.batch(batchOf(big(1, (sent += 1))));
      await turn();
    }
    expect(queued(router)).toBeLessThan(4_096 + 2 * 1_100);
  });

  test('that asked for it loses the watch instead, typed, after what was queued; other members stay', async () => {
    const { link, router, group } = setup({ onLag: 'fail' });
    const slow = group.add('a');
    group.add('b');
    await turn();
    for (let revision = 1; revision <= 8; revision += 1) router.batch(batchOf(big(1, revision)));
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([1]);
    const read = await readRevisions(group, 4);
    expect(read).toEqual([1, 2, 3, 4]);
    router.batch(batchOf(puts(2, 20)));
    await turn();
    const end = await Promise.race([slow.ended, turn().then(() => 'nothing')]);
    expect(end).toBe('nothing'); // the end waits for the next read
    const iterator = group.close();
    expect(await slow.ended).toMatchObject({ reason: 'failed', error: { code: 'lagging' }, lastRevision: 4n });
    router.report(0, { kind: 'watch-ended', watch: 2, error: undefined });
    await iterator;
  });

  test('that is ended by progress which it did not read has everything up to that delivered', async () => {
    const { router, group } = setup({ onLag: 'fail' });
    const slow = group.add('a', { progressNotify: true });
    await turn();
    for (let revision = 1; revision <= 4; revision += 1) router.batch(batchOf(big(1, revision)));
    router.batch(batchOf({ watch: 1, progress: 7 }));
    expect(await readRevisions(group, 4)).toEqual([1, 2, 3, 4]);
    void group.close();
    expect(await slow.ended).toMatchObject({ reason: 'failed', error: { code: 'lagging' }, lastRevision: 7n });
  });

  test('does not keep a whole batch for the few events of it that wait', () => {
    const { router, group } = setup();
    const other = new WatchGroup(router, { onBatch: () => undefined }, () => undefined);
    group.add('a');
    other.add('b');
    router.batch(batchOf(puts(1, 1), ...Array.from({ length: 50 }, (_, index) => big(2, index + 2))));
    expect(queued(router)).toBeGreaterThan(0);
    expect(queued(router)).toBeLessThan(200);
  });

  test('reads a compact copy like the original: keys, values, previous values, leases', async () => {
    const { router, group } = setup();
    const other = new WatchGroup(router, { onBatch: () => undefined }, () => undefined);
    group.add('a');
    other.add('b');
    const mine = { revision: 7, key: 'mine', value: 'v', prev: 'p', lease: 3n, version: 2, createRevision: 5 };
    router.batch(
      batchOf(big(2, 6), { watch: 1, events: [mine, { revision: 8, type: 'delete' }] }, big(2, 9), big(2, 10)),
    );
    const { value } = await group[Symbol.asyncIterator]().next();
    const [part] = (value as GroupBatch).parts;
    const event = part?.events.at(0);
    expect(event?.key.string()).toBe('mine');
    expect(event?.value.string()).toBe('v');
    expect(event?.prevKv?.value.string()).toBe('p');
    expect([event?.lease, event?.version, event?.createRevision, event?.modRevision]).toEqual([3n, 2n, 5n, 7n]);
    expect(part?.events.at(1)?.type).toBe('delete');
    expect(part?.events.at(1)?.prevKv).toBeUndefined();
    expect(part?.length).toBe(2);
  });
});

describe('a paused member', () => {
  test('is detached alone; what was on its way comes first when it is resumed, then the rest', async () => {
    const { link, router, group } = setup();
    const member = group.add('a');
    group.add('b');
    await turn();
    member.pause();
    member.pause();
    await turn();
    expect(link.watchesOf('detach')).toEqual([1]);
    router.batch(batchOf(puts(1, 1), puts(2, 1)));
    router.batch(batchOf(puts(1, 2)));
    const seen: number[][] = [];
    const iterator = group[Symbol.asyncIterator]();
    const next = async (): Promise<void> => {
      const { value } = await iterator.next();
      for (const part of value as GroupBatch)
        seen.push([Number(part.watchId), ...Array.from(part.events, (event) => Number(event.modRevision))]);
    };
    await next();
    expect(seen).toEqual([[2, 1]]);
    member.resume();
    router.batch(batchOf(puts(1, 3)));
    for (let count = 0; count < 3; count += 1) await next();
    expect(seen.slice(1)).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    await turn();
    expect(link.watchesOf('attach')).toEqual([1]);
  });

  test('paused and resumed in one turn is not moved at all', async () => {
    const { link, group } = setup();
    const member = group.add('a');
    await turn();
    member.pause();
    member.resume();
    await turn();
    expect(link.watchesOf('detach')).toEqual([]);
    expect(link.watchesOf('attach')).toEqual([]);
  });

  test('that the server ended is told so after it was resumed and its events were read', async () => {
    const { router, group } = setup();
    const member = group.add('a');
    member.pause();
    router.batch(batchOf(puts(1, 5)));
    const error = errorToPlain(new EtcdError('x', { code: 'no-leader' }));
    router.report(0, { kind: 'watch-ended', watch: 1, error });
    await turn();
    const seen: unknown[] = [];
    void member.ended.then((end) => seen.push(end.reason));
    await turn();
    expect(seen).toEqual([]);
    member.resume();
    expect(await readRevisions(group, 1)).toEqual([5]);
    void group.close();
    expect(await member.ended).toMatchObject({ reason: 'failed', lastRevision: 5n });
  });

  test('that is cancelled has the outcome cancelled, up to what was delivered', async () => {
    const { router, group } = setup();
    const member = group.add('a', { startRevision: 3n });
    member.pause();
    router.batch(batchOf(puts(1, 5)));
    void member.cancel();
    expect(await member.ended).toEqual({ reason: 'cancelled', lastRevision: 4n });
  });
});
