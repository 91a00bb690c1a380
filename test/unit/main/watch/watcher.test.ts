import { describe, expect, test } from 'vitest';
import { CompactedError, EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import { Watcher } from '../../../../src/main/watch/watcher.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import type { LagReport } from '../../../../src/main/watch/lag-report.js';
import type { WatchBatch } from '../../../../src/main/watch/watch-batch.js';
import type { WatchOptions } from '../../../../src/main/watch/watch-options.js';
import { batchOf, puts, RecordingLink, turn } from './batches.js';

interface Setup {
  readonly link: RecordingLink;
  readonly router: WatchRouter;
  readonly lags: LagReport[];
  watch(options?: WatchOptions): Watcher;
}

function setup(): Setup {
  const link = new RecordingLink();
  const router = new WatchRouter([link]);
  const lags: LagReport[] = [];
  return {
    link,
    router,
    lags,
    watch: (options = {}) => new Watcher(router, 'key', options, (report) => lags.push(report)),
  };
}

function created(router: WatchRouter, watch: number, startRevision: number): void {
  router.report(0, { kind: 'watch-created', watches: [watch], startRevisions: [startRevision] });
}

function revisions(batch: WatchBatch | undefined): number[] {
  return Array.from(batch ?? [], (event) => Number(event.modRevision));
}

async function readAll(watcher: Watcher): Promise<number[]> {
  const read: number[] = [];
  for await (const batch of watcher) read.push(...revisions(batch));
  return read;
}

describe('a watcher', () => {
  test('is asked for with its range and options, and is ready when the server has created it', async () => {
    const { link, router, watch } = setup();
    const watcher = watch({ startRevision: 7n, prevKv: true, events: 'put' });
    await turn();
    expect(link.take('watch')).toEqual([
      {
        kind: 'watch',
        watches: [
          {
            watch: 1,
            key: new TextEncoder().encode('key'),
            rangeEnd: undefined,
            startRevision: 7,
            resumed: false,
            prevKv: true,
            noPut: false,
            noDelete: true,
            progressNotify: false,
            fragment: undefined,
          },
        ],
      },
    ]);
    created(router, 1, 7);
    expect(await watcher.ready).toEqual({ startRevision: 7n });
  });

  test('delivers what came before it was read, in order, then what comes', async () => {
    const { router, watch } = setup();
    const iterator = watch()[Symbol.asyncIterator]();
    created(router, 1, 5);
    router.batch(batchOf(puts(1, 5, 6)));
    router.batch(batchOf(puts(1, 7)));
    expect(revisions((await iterator.next()).value as WatchBatch)).toEqual([5, 6]);
    expect(revisions((await iterator.next()).value as WatchBatch)).toEqual([7]);
    const next = iterator.next();
    router.batch(batchOf(puts(1, 8)));
    expect(revisions((await next).value as WatchBatch)).toEqual([8]);
  });

  test('shows events with key, value, lease, previous value and revisions', async () => {
    const { router, watch } = setup();
    const iterator = watch({ prevKv: true })[Symbol.asyncIterator]();
    created(router, 1, 1);
    const put = { revision: 9, key: 'k', value: '{"a":1}', createRevision: 3, version: 4, lease: -5n, prev: 'old' };
    router.batch(batchOf({ watch: 1, events: [put, { revision: 10, key: 'k', type: 'delete' }] }));
    const { value } = await iterator.next();
    const batch = value as WatchBatch;
    const event = batch.at(0)?.copy();
    expect(event?.type).toBe('put');
    expect(event?.key.string()).toBe('k');
    expect(event?.value.json()).toEqual({ a: 1 });
    expect(event?.modRevision).toBe(9n);
    expect(event?.createRevision).toBe(3n);
    expect(event?.version).toBe(4n);
    expect(event?.lease).toBe(-5n);
    expect(event?.isCreate).toBe(false);
    expect(event?.prevKv?.value.string()).toBe('old');
    expect(event?.prevKv?.modRevision).toBe(8n);
    expect(batch.at(-1)?.type).toBe('delete');
    expect(batch.at(-1)?.prevKv).toBeUndefined();
    expect(batch.revision).toBe(10n);
    expect(batch.length).toBe(2);
  });

  test('gets its own of a batch, not what is in it of watches that are gone', async () => {
    const { router, watch } = setup();
    const gone = watch();
    const iterator = watch()[Symbol.asyncIterator]();
    void gone.cancel();
    router.batch(batchOf(puts(1, 4), puts(2, 5), puts(77, 6), { watch: 2, progress: 8 }, puts(2, 7, 8), puts(1, 9)));
    const batch = (await iterator.next()).value as WatchBatch;
    expect(revisions(batch)).toEqual([5, 7, 8]);
    expect([batch.length, batch.revision]).toEqual([3, 8n]);
    expect([0, 1, 2, 3, -1, -3, -4].map((index) => batch.at(index)?.modRevision)).toEqual([
      5n,
      7n,
      8n,
      undefined,
      8n,
      5n,
      undefined,
    ]);
  });

  test('keeps a batch that was delivered as it was, whatever is cancelled or closed later', async () => {
    const { router, watch } = setup();
    const watcher = watch();
    const iterator = watcher[Symbol.asyncIterator]();
    router.batch(batchOf(puts(1, 5)));
    const batch = (await iterator.next()).value as WatchBatch;
    void watcher.cancel();
    expect((await watcher.ended).reason).toBe('cancelled');
    expect(revisions(batch)).toEqual([5]);
  });

  test('shows progress only where it was asked for', async () => {
    const { router, watch } = setup();
    const plain = watch()[Symbol.asyncIterator]();
    const asked = watch({ progressNotify: true })[Symbol.asyncIterator]();
    router.batch(batchOf({ watch: 1, progress: 50 }, { watch: 2, progress: 50 }, puts(1, 51)));
    const first = (await asked.next()).value as WatchBatch;
    expect([first.progress, first.length, first.revision]).toEqual([true, 0, 50n]);
    expect(revisions((await plain.next()).value as WatchBatch)).toEqual([51]);
  });

  test('hands batches to onBatch one at a time, waiting for its promise', async () => {
    const { router, watch } = setup();
    const seen: number[][] = [];
    let release: () => void = () => undefined;
    watch({
      onBatch: (batch) => {
        seen.push(revisions(batch));
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    });
    for (const revision of [1, 2, 3]) router.batch(batchOf(puts(1, revision)));
    expect(seen).toEqual([[1]]);
    release();
    await turn();
    expect(seen).toEqual([[1], [2]]);
    release();
    await turn();
    expect(seen).toEqual([[1], [2], [3]]);
  });

  test('refuses a second loop, and any loop beside onBatch', () => {
    const { watch } = setup();
    const watcher = watch();
    watcher[Symbol.asyncIterator]();
    expect(() => watcher[Symbol.asyncIterator]()).toThrow(/one loop reads at a time/u);
    expect(() => watch({ onBatch: () => undefined })[Symbol.asyncIterator]()).toThrow(/onBatch/u);
  });
});

describe('the end of a watcher', () => {
  test('by cancel is normal, drops what was not read, tells the shard, and counts what was read', async () => {
    const { link, router, watch } = setup();
    const watcher = watch();
    const iterator = watcher[Symbol.asyncIterator]();
    await turn();
    created(router, 1, 5);
    router.batch(batchOf(puts(1, 6)));
    router.batch(batchOf(puts(1, 8)));
    await iterator.next();
    const cancelled = watcher.cancel();
    expect(await watcher.ended).toEqual({ reason: 'cancelled', lastRevision: 7n });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([1]);
    router.report(0, { kind: 'watch-ended', watch: 1, error: undefined });
    await cancelled;
    await watcher.cancel();
    expect(router.size).toBe(0);
  });

  test('by an error comes after everything delivered: then the loop throws it once', async () => {
    const { router, watch } = setup();
    const watcher = watch();
    const iterator = watcher[Symbol.asyncIterator]();
    created(router, 1, 5);
    router.batch(batchOf(puts(1, 5)));
    const error = errorToPlain(new CompactedError('compacted', 90n));
    router.report(0, { kind: 'watch-ended', watch: 1, error });
    const order: string[] = [];
    void watcher.ended.then(() => order.push('ended'));
    await turn();
    expect(order).toEqual([]);
    expect(revisions((await iterator.next()).value as WatchBatch)).toEqual([5]);
    await expect(iterator.next()).rejects.toMatchObject({ code: 'compacted', compactRevision: 90n });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await watcher.ended).toMatchObject({ reason: 'compacted', compactRevision: 90n, lastRevision: 5n });
  });

  test('by another watch’s callback in the middle of a batch counts only what has come to it', async () => {
    const { router } = setup();
    const ends: Promise<unknown>[] = [];
    const make = (onBatch: () => void): Watcher => new Watcher(router, 'key', { onBatch }, () => undefined);
    const first = make(() => ends.push(second.cancel().then(() => second.ended)));
    const second: Watcher = make(() => undefined);
    created(router, 1, 3);
    created(router, 2, 3);
    router.batch(batchOf(puts(2, 5)));
    router.batch(batchOf(puts(1, 8), puts(2, 8, 9)));
    expect(ends).toHaveLength(1);
    router.report(0, { kind: 'watch-ended', watch: 2, error: undefined });
    expect(await ends[0]).toEqual({ reason: 'cancelled', lastRevision: 7n });
    void first.cancel();
  });

  test('before creation rejects ready, and nothing is an unhandled rejection', async () => {
    const { router, watch } = setup();
    const refused = watch();
    const untouched = watch();
    await turn();
    const error = errorToPlain(new EtcdError('no', { code: 'permission-denied' }));
    router.report(0, { kind: 'watch-ended', watch: 1, error });
    router.report(0, { kind: 'watch-ended', watch: 2, error });
    await expect(refused.ready).rejects.toMatchObject({ code: 'permission-denied' });
    expect(await refused.ended).toMatchObject({ reason: 'failed', lastRevision: undefined });
    await turn();
    expect(await untouched.ended).toMatchObject({ reason: 'failed' });
  });

  test('by leaving the loop cancels it', async () => {
    const { link, router, watch } = setup();
    const watcher = watch();
    await turn();
    router.batch(batchOf(puts(1, 1)));
    for await (const batch of watcher) {
      expect(batch.length).toBe(1);
      break;
    }
    expect(await watcher.ended).toMatchObject({ reason: 'cancelled', lastRevision: 1n });
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([1]);
  });

  test('by its signal cancels it; a signal that has fired is refused', async () => {
    const { watch, router } = setup();
    const controller = new AbortController();
    const watcher = watch({ signal: controller.signal });
    controller.abort();
    expect(await watcher.ended).toMatchObject({ reason: 'cancelled' });
    expect(router.size).toBe(0);
    expect(() => watch({ signal: controller.signal })).toThrow(EtcdError);
    expect(router.owners.size).toBe(0);
  });

  test('in the turn in which it was made sends nothing at all', async () => {
    const { link, watch } = setup();
    const watcher = watch();
    await watcher.cancel();
    await turn();
    expect(link.sent).toEqual([]);
    await expect(watcher.ready).rejects.toMatchObject({ code: 'aborted' });
  });

  test('by an onBatch that throws or rejects is failed with its cause, and the shard is told', async () => {
    const { link, router, watch } = setup();
    const cause = new Error('mine');
    const throwing = watch({
      onBatch: () => {
        throw cause;
      },
    });
    const rejecting = watch({ onBatch: () => Promise.reject(cause) });
    await turn();
    router.batch(batchOf(puts(1, 1), puts(2, 1)));
    for (const watcher of [throwing, rejecting]) {
      expect(await watcher.ended).toMatchObject({ reason: 'failed', error: { code: 'callback-failed', cause } });
    }
    await turn();
    expect(link.watchesOf('unwatch')).toEqual([1, 2]);
  });

  test('is one only: a cancel after the server ended it keeps the server’s reason', async () => {
    const { router, watch } = setup();
    const watcher = watch();
    created(router, 1, 1);
    router.batch(batchOf(puts(1, 3)));
    router.report(0, { kind: 'watch-ended', watch: 1, error: errorToPlain(new EtcdError('x', { code: 'reset' })) });
    await watcher.cancel();
    expect(await watcher.ended).toMatchObject({ reason: 'reset' });
    expect(await readAll(watcher)).toEqual([]);
  });
});

describe('progress', () => {
  test('waits for the creation, asks the shard, and gives the revision it answers', async () => {
    const { link, router, watch } = setup();
    const asked = watch().progress({ timeoutMs: 1_000 });
    await turn();
    expect(link.take('progress')).toEqual([]);
    created(router, 1, 5);
    await turn();
    const [command] = link.take('progress');
    expect(command).toMatchObject({ watch: 1 });
    expect(command?.timeoutMs).toBeLessThanOrEqual(1_000);
    expect(command?.timeoutMs).toBeGreaterThan(0);
    router.report(0, { kind: 'progress', requestId: command?.requestId ?? 0, revision: 77, error: undefined });
    expect(await asked).toBe(77n);
  });

  test('of a watch that is never created ends with its signal and with its time', async () => {
    const { link, watch } = setup();
    const controller = new AbortController();
    const aborted = watch().progress({ signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await expect(watch().progress({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'timeout' });
    expect(link.take('progress')).toEqual([]);
  });

  test('of very many watches ends with them without quadratic work', async () => {
    const { router, watch } = setup();
    const COUNT = 20_000; // so many that quadratic work would outlast the test's time
    const asked = Array.from({ length: COUNT }, () => watch().progress({ timeoutMs: 600_000 }));
    const ends = Promise.allSettled(asked);
    for (let number = COUNT; number > 0; number -= 1) {
      router.report(0, { kind: 'watch-ended', watch: number, error: undefined });
    }
    expect((await ends).every(({ status }) => status === 'rejected')).toBe(true);
  });

  test('ends with the signal, with the watch, and with the engine', async () => {
    const { router, watch } = setup();
    const controller = new AbortController();
    const [first, second, third] = [watch(), watch(), watch()];
    for (const number of [1, 2, 3]) created(router, number, 5);
    const aborted = first.progress({ signal: controller.signal });
    const ended = second.progress();
    const closed = third.progress();
    await turn();
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    const error = errorToPlain(new EtcdError('x', { code: 'no-leader' }));
    router.report(0, { kind: 'watch-ended', watch: 2, error });
    await expect(ended).rejects.toMatchObject({ code: 'no-leader' });
    router.close();
    await expect(closed).rejects.toMatchObject({ code: 'closed' });
  });
});
