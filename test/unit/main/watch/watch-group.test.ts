import { describe, expect, test } from 'vitest';
import { EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import type { GroupBatch } from '../../../../src/main/watch/group-batch.js';
import { WatchGroup } from '../../../../src/main/watch/watch-group.js';
import type { WatchEnd } from '../../../../src/main/watch/watch-end.js';
import type { WatchGroupOptions } from '../../../../src/main/watch/watch-options.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import { batchOf, puts, RecordingLink, turn } from './batches.js';

function setup(shards = 1): {
  links: RecordingLink[];
  router: WatchRouter;
  group: (options?: WatchGroupOptions) => WatchGroup;
} {
  const links = Array.from({ length: shards }, () => new RecordingLink());
  const router = new WatchRouter(links);
  return { links, router, group: (options = {}) => new WatchGroup(router, options, () => undefined) };
}

type Seen = [watchId: number, ...revisions: number[]];

function parts(batch: GroupBatch): Seen[] {
  return batch.parts.map((part) => [
    Number(part.watchId),
    ...Array.from(part.events, (event) => Number(event.modRevision)),
  ]);
}

const failure = errorToPlain(new EtcdError('no', { code: 'permission-denied' }));

describe('a group', () => {
  test('sends all that is added in a turn as one command for each shard, spread evenly', async () => {
    const { links, group } = setup(2);
    const all = group();
    for (let index = 0; index < 1_000; index += 1) all.add({ key: `k${String(index)}` });
    await turn();
    for (const link of links) {
      const commands = link.take('watch');
      expect(commands.map((command) => command.watches.length)).toEqual([500]);
    }
    expect(all.size).toBe(1_000);
  });

  test('sends very many in chunks, the first while the rest is being added, each watch once', async () => {
    const { links, group } = setup();
    const all = group();
    for (let index = 0; index < 1_200; index += 1) all.add({ key: `k${String(index)}` });
    const early = links[0]?.take('watch').flatMap((command) => command.watches.map((spec) => spec.watch)) ?? [];
    expect(early).toHaveLength(1024);
    await turn();
    const late = links[0]?.take('watch').flatMap((command) => command.watches.map((spec) => spec.watch)) ?? [];
    expect([...early, ...late]).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
  });

  test('labels its watches with the caller’s numbers or its own, and refuses one in use', () => {
    const { group } = setup();
    const all = group();
    const mine = all.add('a', { watchId: 1n });
    const drawn = all.add('b');
    expect([mine.watchId, drawn.watchId]).toEqual([1n, 2n]);
    expect(() => all.add('c', { watchId: 2n })).toThrow(/watchId 2n is in use/u);
    expect(all.get(2n)).toBe(drawn);
    // @ts-expect-error a number is no label
    expect(() => all.add('c', { watchId: 3 })).toThrow(/watchId must be a bigint/u);
    expect(all.size).toBe(2);
  });

  test('gets everything that arrived together as one batch, a part for each run of a watch', async () => {
    const { router, group } = setup();
    const all = group();
    all.add('a', { watchId: 10n });
    all.add('b', { watchId: 20n });
    const iterator = all[Symbol.asyncIterator]();
    router.batch(batchOf(puts(1, 5), puts(2, 5, 6), puts(1, 7)));
    const batch = (await iterator.next()).value as GroupBatch;
    expect(parts(batch)).toEqual([
      [10, 5],
      [20, 5, 6],
      [10, 7],
    ]);
    expect(batch.eventCount).toBe(4);
    expect(batch.parts[1]?.revision).toBe(6n);
    expect(batch.parts[1]?.events.at(-1)?.value.string()).toBe('v6');
  });

  test('and its neighbours each get their own of a batch with segments of all, in order', () => {
    const { router, group } = setup();
    const seen: [string, Seen[]][] = [];
    const left = group({ onBatch: (batch) => void seen.push(['left', parts(batch)]) });
    const right = group({ onBatch: (batch) => void seen.push(['right', parts(batch)]) });
    left.add('a');
    right.add('a');
    left.add('b');
    router.batch(batchOf(puts(1, 5), puts(2, 5), puts(3, 6), puts(99, 6), puts(1, 7)));
    expect(seen).toEqual([
      [
        'left',
        [
          [1, 5],
          [2, 6],
          [1, 7],
        ],
      ],
      ['right', [[1, 5]]],
    ]);
  });

  test('outlives the end of a member, which is told in order and frees its label', async () => {
    const { router, group } = setup();
    const told: (Seen[] | [bigint, WatchEnd['reason']])[] = [];
    let release: () => void = () => undefined;
    const all = group({
      onBatch: (batch) => {
        told.push(parts(batch));
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      onEnd: (member, end) => told.push([member.watchId, end.reason]),
    });
    const first = all.add('a');
    all.add('b');
    router.batch(batchOf(puts(1, 5)));
    router.batch(batchOf(puts(1, 6)));
    router.report(0, { kind: 'watch-ended', watch: 1, error: failure });
    router.batch(batchOf(puts(2, 7)));
    for (let step = 0; step < 3; step += 1) {
      release();
      await turn();
    }
    expect(told).toEqual([[[1, 5]], [[1, 6]], [1n, 'failed'], [[2, 7]]]);
    expect(await first.ended).toMatchObject({ reason: 'failed', lastRevision: 6n });
    expect(all.size).toBe(1);
    expect(all.add('a', { watchId: 1n }).watchId).toBe(1n);
  });

  test('shows nothing of a member after its cancel, although it was queued', async () => {
    const { links, router, group } = setup();
    const all = group();
    const iterator = all[Symbol.asyncIterator]();
    all.add('a');
    all.add('b');
    await turn();
    router.batch(batchOf(puts(1, 5), puts(2, 5)));
    router.batch(batchOf(puts(1, 6)));
    router.batch(batchOf(puts(2, 7)));
    const cancelled = all.cancel(1n);
    expect(parts((await iterator.next()).value as GroupBatch)).toEqual([[2, 5]]);
    expect(parts((await iterator.next()).value as GroupBatch)).toEqual([[2, 7]]);
    expect(links[0]?.watchesOf('unwatch')).toEqual([1]);
    router.report(0, { kind: 'watch-ended', watch: 1, error: undefined });
    expect(await cancelled).toBe(true);
    expect(await all.cancel(1n)).toBe(false);
  });

  test('a cancelled member in its own onBatch is gone for the rest of the batch', () => {
    const { router, group } = setup();
    const seen: Seen[][] = [];
    const all = group({
      onBatch: (batch) => {
        seen.push(parts(batch));
        void other.cancel(1n);
      },
    });
    const other = group({ onBatch: (batch) => void seen.push(parts(batch)) });
    all.add('a');
    other.add('a');
    router.batch(batchOf(puts(1, 5), puts(2, 5)));
    expect(seen).toEqual([[[1, 5]]]);
  });

  test('does not call onBatch within onBatch: what a resume brings waits its turn', async () => {
    const { router, group } = setup();
    const seen: (string | Seen[])[] = [];
    const all = group({
      onBatch: (batch) => {
        seen.push(parts(batch));
        paused.resume();
        seen.push('done');
      },
    });
    const paused = all.add('a');
    all.add('b');
    await turn();
    paused.pause();
    router.batch(batchOf(puts(1, 5)));
    router.batch(batchOf(puts(2, 6)));
    expect(seen).toEqual([[[2, 6]], 'done', [[1, 5]], 'done']);
  });

  test('a batch that was delivered stays as it was after its members and group have ended', async () => {
    const { router, group } = setup();
    const kept: GroupBatch[] = [];
    const all = group({ onBatch: (batch) => void kept.push(batch) });
    all.add('a');
    all.add('b');
    router.batch(batchOf(puts(1, 5), puts(2, 6), puts(9, 7)));
    await all.close();
    expect(kept.map((batch) => [batch.eventCount, parts(batch)])).toEqual([
      [
        2,
        [
          [1, 5],
          [2, 6],
        ],
      ],
    ]);
  });

  test('is ready when every member is created or has ended', async () => {
    const { router, group } = setup();
    const all = group();
    all.add('a');
    all.add('b');
    let isReady = false;
    const ready = all.ready().then(() => {
      isReady = true;
    });
    router.report(0, { kind: 'watch-created', watches: [1], startRevisions: [5] });
    await turn();
    expect(isReady).toBe(false);
    router.report(0, { kind: 'watch-ended', watch: 2, error: failure });
    await ready;
  });

  test('ends with the error of a callback; its members are cancelled on the server, others go on', async () => {
    const { links, router, group } = setup();
    const cause = new Error('mine');
    const bad = group({
      onBatch: () => {
        throw cause;
      },
    });
    const seen: Seen[][] = [];
    const good = group({ onBatch: (batch) => void seen.push(parts(batch)) });
    const member = bad.add('a');
    good.add('a');
    await turn();
    router.batch(batchOf(puts(1, 5), puts(2, 5)));
    expect(await bad.ended).toMatchObject({ code: 'callback-failed', cause });
    expect(await member.ended).toMatchObject({ reason: 'failed', error: { code: 'callback-failed' } });
    expect(seen).toEqual([[[1, 5]]]);
    await turn();
    expect(links[0]?.watchesOf('unwatch')).toEqual([1]);
    expect(() => bad.add('b')).toThrow(EtcdError);
  });

  test('ends with the error of onEnd in the same way', async () => {
    const { router, group } = setup();
    const all = group({
      onEnd: () => {
        throw new Error('mine');
      },
    });
    all.add('a');
    const loop = (async () => {
      for await (const batch of all) expect(batch).toBeDefined();
    })();
    router.report(0, { kind: 'watch-ended', watch: 1, error: failure });
    await expect(loop).rejects.toMatchObject({ code: 'callback-failed' });
  });

  test('closes by its signal, by leaving the loop, and with the engine: members cancelled, the loop ends', async () => {
    const { router, group } = setup();
    const controller = new AbortController();
    const groups = [group({ signal: controller.signal }), group(), group()];
    const members = groups.map((one) => one.add('a'));
    const loops = groups.map(async (one) => {
      for await (const batch of one) {
        expect(batch.eventCount).toBe(1);
        break;
      }
    });
    controller.abort();
    router.batch(batchOf(puts(2, 5)));
    await turn();
    router.close();
    await Promise.all(loops);
    for (const member of members) expect(await member.ended).toMatchObject({ reason: 'cancelled' });
    for (const one of groups) expect(await one.ended).toBeUndefined();
    expect(router.owners.size).toBe(0);
    expect(() => group()).toThrow(/closed/u);
  });

  test('a signal cancels only the member that it was given to', async () => {
    const { router, group } = setup();
    const all = group();
    const controller = new AbortController();
    const member = all.add('a', { signal: controller.signal });
    all.add('b');
    controller.abort();
    expect(await member.ended).toMatchObject({ reason: 'cancelled' });
    expect([all.size, router.size]).toEqual([1, 1]);
    expect(() => all.add('c', { signal: controller.signal })).toThrow(/signal/u);
    expect(all.size).toBe(1);
  });
});
