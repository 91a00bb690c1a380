/** What waits for a consumer that does not read: what it is charged with, what becomes of progress, what closing costs. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BatchSlice } from '../../../../src/main/watch/batch-slice.js';
import { WatchGroup } from '../../../../src/main/watch/watch-group.js';
import type { WatchGroupOptions } from '../../../../src/main/watch/watch-options.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import { batchOf, puts, RecordingLink, turn, type SegmentPlan } from './batches.js';

afterEach(() => void vi.restoreAllMocks());

function setup(): { link: RecordingLink; router: WatchRouter; group: (options?: WatchGroupOptions) => WatchGroup } {
  const link = new RecordingLink();
  const router = new WatchRouter([link]);
  return { link, router, group: (options = {}) => new WatchGroup(router, options, () => undefined) };
}

function put(watch: number, revision: number, bytes: number): SegmentPlan {
  return { watch, events: [{ revision, value: 'x'.repeat(bytes) }] };
}

function queued(router: WatchRouter): number {
  return Array.from(router.owners).reduce((sum, owner) => sum + owner.queuedBytes, 0);
}

/** All that is in the queue of a group, as `watch: revisions` and `watch at progress`. */
async function readAll(group: WatchGroup): Promise<string[]> {
  const read: string[] = [];
  const iterator = group[Symbol.asyncIterator]();
  for (;;) {
    const result = await Promise.race([iterator.next(), turn().then(() => undefined)]);
    if (result === undefined || result.done === true) return read;
    for (const part of result.value) {
      const revisions = Array.from(part.events, (event) => String(event.modRevision)).join();
      read.push(`${String(part.watchId)}${part.progress ? ` at ${String(part.revision)}` : `: ${revisions}`}`);
    }
  }
}

describe('the bytes that a watch is charged with', () => {
  test('are its own, not those of a neighbour in the same batch, so that no neighbour makes it lag', async () => {
    const { link, router, group } = setup();
    const small = group({ onLag: 'fail', budgetBytes: 4_096 });
    const large = group({ onBatch: () => undefined });
    const mine = small.add('a');
    large.add('b');
    await turn();
    for (let revision = 1; revision <= 6; revision += 1) {
      router.batch(batchOf(put(1, revision, 100), put(2, revision, 500_000)));
    }
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([]);
    expect(mine.isSettled).toBe(false);
    expect(small.size).toBe(1);
    expect(queued(router)).toBeLessThan(6 * 300);
    expect(await readAll(small)).toEqual(['1: 1', '1: 2', '1: 3', '1: 4', '1: 5', '1: 6']);
  });

  test.each([
    { mine: 100, theirs: 500_000 },
    { mine: 1_000, theirs: 1_200 },
    { mine: 1_000, theirs: 900 },
    { mine: 10, theirs: 10 },
    { mine: 0, theirs: 0 },
    { mine: 500_000, theirs: 10 },
  ])('are no less than half of what they keep alive: $mine bytes beside $theirs', ({ mine, theirs }) => {
    const { router, group } = setup();
    const waiting = group();
    const other = group({ onBatch: () => undefined });
    waiting.add('a');
    other.add('b');
    const kept: number[] = [];
    const toKeep = BatchSlice.prototype.toKeep;
    vi.spyOn(BatchSlice.prototype, 'toKeep').mockImplementation(function (this: BatchSlice<never>) {
      const result = toKeep.call(this) as ReturnType<BatchSlice<never>['toKeep']>;
      kept.push(result.slice.data.heap.length);
      return result;
    });
    router.batch(batchOf(put(1, 1, mine), ...Array.from({ length: 3 }, (_, index) => put(2, index + 2, theirs))));
    expect(kept).toHaveLength(1);
    expect(queued(router) * 2).toBeGreaterThanOrEqual(kept[0] ?? Infinity);
    expect(queued(router)).toBeLessThanOrEqual(mine + 'key'.length + 200);
  });

  test('count previous values, too', () => {
    const { router, group } = setup();
    const waiting = group();
    waiting.add('a');
    group({ onBatch: () => undefined }).add('b');
    router.batch(batchOf({ watch: 1, events: [{ revision: 1, prev: 'p'.repeat(5_000) }] }, put(2, 2, 50_000)));
    expect(queued(router)).toBeGreaterThan(5_000);
    expect(queued(router)).toBeLessThan(5_500);
  });
});

describe('progress that nobody reads', () => {
  const progressive = { progressNotify: true };

  test('takes one place for each watch, the newest, behind the events that came before it', async () => {
    const { router, group } = setup();
    const all = group();
    for (const key of ['a', 'b']) all.add(key, progressive);
    router.batch(batchOf(puts(1, 5)));
    for (let revision = 6; revision < 5_000; revision += 1) {
      router.batch(batchOf({ watch: 1, progress: revision }, { watch: 2, progress: revision }));
    }
    router.batch(batchOf(puts(2, 5_000)));
    router.batch(batchOf({ watch: 1, progress: 5_001 }));
    expect(await readAll(all)).toEqual(['1: 5', '2 at 4999', '2: 5000', '1 at 5001']);
  });

  test('in one batch with events neither overtakes them nor goes back', async () => {
    const { router, group } = setup();
    const all = group();
    for (const key of ['a', 'b']) all.add(key, progressive);
    router.batch(
      batchOf({ watch: 1, progress: 4 }, puts(1, 5), { watch: 1, progress: 6 }, puts(2, 6), { watch: 2, progress: 7 }),
    );
    router.batch(batchOf({ watch: 2, progress: 8 }, puts(2, 9)));
    expect(await readAll(all)).toEqual(['1: 5', '2: 6', '1 at 6', '2 at 7', '2: 9']);
  });

  test('makes nobody lag, and does not end a watch that asked to fail', async () => {
    const { link, router, group } = setup();
    const all = group({ onLag: 'fail', budgetBytes: 1_024 });
    all.add('a', progressive);
    all.add('b', progressive);
    await turn();
    router.batch(batchOf(put(1, 2, 5_000)));
    for (let revision = 3; revision < 10; revision += 1) router.batch(batchOf({ watch: 2, progress: revision }));
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([]);
    expect(await readAll(all)).toEqual(['1: 2', '2 at 9']);
  });

  test('of a paused watch takes one place, too, and comes when it is resumed', async () => {
    const { router, group } = setup();
    const all = group();
    const paused = all.add('a', progressive);
    paused.pause();
    router.batch(batchOf(puts(1, 5)));
    for (let revision = 6; revision < 100; revision += 1) router.batch(batchOf({ watch: 1, progress: revision }));
    paused.resume();
    expect(await readAll(all)).toEqual(['1: 5', '1 at 99']);
  });

  test('is gone with a watch that was cancelled', async () => {
    const { router, group } = setup();
    const all = group();
    const first = all.add('a', progressive);
    all.add('b', progressive);
    router.batch(batchOf({ watch: 1, progress: 6 }, { watch: 2, progress: 6 }));
    void first.cancel();
    router.batch(batchOf({ watch: 2, progress: 7 }));
    expect(await readAll(all)).toEqual(['2 at 7']);
  });
});

describe('ending very many watches over a long queue', () => {
  const WATCHES = 2_000;
  const BATCHES = 200;

  /** How many segments are looked at while `end` runs. */
  function lookedAt(options: WatchGroupOptions, end: (group: WatchGroup, router: WatchRouter) => void): number {
    const { router, group } = setup();
    const all = group(options);
    for (let index = 0; index < WATCHES; index += 1) all.add(`k${String(index)}`);
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const watches = Array.from({ length: 50 }, (_, index) => ((batch * 50 + index) % WATCHES) + 1);
      router.batch(batchOf(...watches.map((watch) => puts(watch, batch + 2))));
    }
    const looks = vi.spyOn(BatchSlice.prototype, 'segmentAt');
    end(all, router);
    expect(all.size).toBe(0);
    return looks.mock.calls.length;
  }

  test.each([
    { name: 'by closing the group', end: (group: WatchGroup) => void group.close() },
    { name: 'by closing the engine', end: (_: WatchGroup, router: WatchRouter) => router.close() },
    {
      name: 'one by one',
      end: (group: WatchGroup) => {
        for (const member of Array.from(group.members())) void member.cancel();
      },
    },
  ])('$name looks at no segment more than a few times', ({ end }) => {
    expect(lookedAt({ budgetBytes: 2 ** 30 }, end)).toBeLessThanOrEqual(3 * BATCHES * 50);
  });

  test('because one batch is too much for a consumer that asked to fail looks at no segment more than a few times', async () => {
    const { router, group } = setup();
    const all = group({ onLag: 'fail', budgetBytes: 1_024 });
    for (let index = 0; index < WATCHES; index += 1) all.add(`k${String(index)}`);
    router.batch(batchOf(put(1, 2, 5_000)));
    const looks = vi.spyOn(BatchSlice.prototype, 'segmentAt');
    router.batch(batchOf(...Array.from({ length: WATCHES }, (_, index) => puts(index + 1, 3))));
    expect(looks.mock.calls.length).toBeLessThanOrEqual(5 * WATCHES);
    vi.restoreAllMocks();
    expect(await readAll(all)).toEqual(['1: 2']);
    expect(all.size).toBe(0);
  });
});
