import { describe, expect, test } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import type { GroupWatch } from '../../../../src/main/watch/group-watch.js';
import { WatchGroup } from '../../../../src/main/watch/watch-group.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import { WatchTable } from '../../../../src/main/watch/watch-table.js';
import { WatchEntry, type SegmentSink } from '../../../../src/main/watch/watch-entry.js';
import { batchOf, puts, RecordingLink, turn } from './batches.js';

function setup(shards = 1): { links: RecordingLink[]; router: WatchRouter; group: WatchGroup } {
  const links = Array.from({ length: shards }, () => new RecordingLink());
  const router = new WatchRouter(links);
  return { links, router, group: new WatchGroup(router, { onBatch: () => undefined }, () => undefined) };
}

/** What a new shard is asked for: watch, start revision, resumed. */
function resumedWatches(router: WatchRouter, shard = 0): [number, number, boolean][] {
  return router
    .resume(shard)
    .flatMap((command) => (command.kind === 'watch' ? [...command.watches] : []))
    .map((spec) => [spec.watch, spec.startRevision, spec.resumed]);
}

describe('what is known of the store', () => {
  test('goes to a shard with its watches as they are sent, and to the one that takes its place', async () => {
    const link = new RecordingLink();
    let revision = 5;
    const router = new WatchRouter([link], undefined, () => ({ clusterId: 7n, revision }));
    const group = new WatchGroup(router, { onBatch: () => undefined }, () => undefined);
    group.add('a');
    await turn();
    expect(link.take('watch')).toMatchObject([{ known: { clusterId: 7n, revision: 5 } }]);
    revision = 9;
    expect(router.resume(0)).toMatchObject([{ kind: 'watch', known: { clusterId: 7n, revision: 9 } }]);
  });
});

describe('a shard that is replaced', () => {
  test('is given each watch from its next revision, and one that was never created as first asked', async () => {
    const { router, group } = setup();
    for (const key of ['events', 'idle', 'own start', 'not created', 'progress', 'bookmark']) {
      group.add(key, key === 'own start' ? { startRevision: 3n } : {});
    }
    await turn();
    router.report(0, { kind: 'watch-created', watches: [1, 2, 3, 5, 6], startRevisions: [10, 11, 3, 10, 10] });
    router.batch(batchOf(puts(1, 20, 21), { watch: 5, progress: 40 }));
    router.report(0, { kind: 'bookmarks', watches: Uint32Array.of(6, 1), nextRevision: 31 });
    router.report(0, { kind: 'bookmarks', watches: Uint32Array.of(6), nextRevision: 30 });
    expect(resumedWatches(router)).toEqual([
      [1, 31, true],
      [2, 11, true],
      [3, 3, true],
      [4, 0, false],
      [5, 41, true],
      [6, 31, true],
    ]);
  });

  test('is told of detached watches, which are attached later as if nothing had happened', async () => {
    const { links, router, group } = setup();
    const paused = group.add('a');
    group.add('b');
    await turn();
    paused.pause();
    await turn();
    links[0]?.sent.splice(0);
    expect(router.resume(0).map((command) => command.kind)).toEqual(['watch', 'detach']);
    paused.resume();
    await turn();
    expect(links[0]?.watchesOf('attach')).toEqual([1]);
  });

  test('is not given what was cancelled; a cancel that was on its way is confirmed', async () => {
    const { links, router, group } = setup();
    const cancelledBefore = group.add('a');
    const cancelledMeanwhile = group.add('b');
    group.add('c');
    await turn();
    const first = cancelledBefore.cancel();
    await turn();
    const second = cancelledMeanwhile.cancel();
    expect(resumedWatches(router)).toEqual([[3, 0, false]]);
    await Promise.all([first, second]);
    await turn();
    expect(links[0]?.watchesOf('unwatch')).toEqual([1]);
  });

  test('is given what was added while it was away, once', async () => {
    const { links, router, group } = setup();
    group.add('a');
    expect(resumedWatches(router)).toEqual([[1, 0, false]]);
    await turn();
    expect(links[0]?.take('watch')).toEqual([]);
  });

  test('is asked again for progress that nobody answered, with the time that is left', async () => {
    const { router, group } = setup();
    const member = group.add('a');
    router.report(0, { kind: 'watch-created', watches: [1], startRevisions: [4] });
    const asked = member.progress({ timeoutMs: 5_000 });
    await turn();
    const again = router.resume(0).find((command) => command.kind === 'progress');
    expect(again).toMatchObject({ watch: 1 });
    if (again?.kind !== 'progress') return;
    expect(again.timeoutMs).toBeLessThanOrEqual(5_000);
    router.report(0, { kind: 'progress', requestId: again.requestId, revision: 9, error: undefined });
    expect(await asked).toBe(9n);
  });
});

describe('a shard that failed for good', () => {
  test('ends its watches typed, each once; the others live and new ones go to them', async () => {
    const { links, router, group } = setup(2);
    const members: GroupWatch[] = [];
    for (let index = 0; index < 4; index += 1) members.push(group.add(`k${String(index)}`));
    await turn();
    router.failed(0, new EtcdError('gone', { code: 'shard-failed' }));
    const ended = await Promise.all([members[0]?.ended, members[2]?.ended]);
    for (const end of ended) expect(end).toMatchObject({ reason: 'failed', error: { code: 'shard-failed' } });
    expect(group.size).toBe(2);
    group.add('x');
    group.add('y');
    links[1]?.sent.splice(0);
    await turn();
    expect(links[1]?.take('watch')[0]?.watches.length).toBe(2);
    router.failed(1, new EtcdError('gone', { code: 'shard-failed' }));
    expect(group.size).toBe(0);
    expect(() => group.add('z')).toThrow(expect.objectContaining({ code: 'shard-failed' }));
  });
});

describe('the router', () => {
  test('ignores what comes for a watch that is gone: events, creation, end', () => {
    const { router, group } = setup();
    void group.add('a').cancel();
    router.batch(batchOf(puts(1, 5), puts(4_000_000_000, 6)));
    router.report(0, { kind: 'watch-created', watches: [1], startRevisions: [5] });
    router.report(0, { kind: 'watch-ended', watch: 1, error: undefined });
    router.report(0, { kind: 'progress', requestId: 17, revision: 1, error: undefined });
    expect(router.size).toBe(0);
  });

  test('tells an end that nobody asked for and that has no error as a defect', async () => {
    const { router, group } = setup();
    const member = group.add('a');
    router.report(0, { kind: 'watch-ended', watch: 1, error: undefined });
    expect(await member.ended).toMatchObject({ reason: 'failed', error: { code: 'internal' } });
  });
});

describe('the watch table', () => {
  test('keeps only pages with watches that live while millions come and go', () => {
    const table = new WatchTable();
    const sink: SegmentSink = { sorting: [], deliver: () => undefined, watchEnded: () => undefined };
    const request = new WatchEntry(0, 0, 0n, {} as WatchEntry['request'], sink).request; // never looked at here
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 300_000; count += 1) {
      const entry = new WatchEntry(table.draw(), 0, 0n, request, sink);
      table.add(entry);
      if (table.get(entry.watch) !== entry) throw new Error('not found');
      if (count > 0 && !table.delete(entry.watch)) throw new Error('not there');
    }
    expect(table.size).toBe(1);
    expect(Array.from(table, (entry) => entry.watch)).toEqual([1]);
    expect(table.delete(2)).toBe(false);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });
});
