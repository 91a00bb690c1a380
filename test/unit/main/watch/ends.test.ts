/** However a watch ends, and wherever it stands then: one outcome, with its code and the revision to go on from. */
import { describe, expect, test } from 'vitest';
import { CompactedError, EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import type { GroupBatch } from '../../../../src/main/watch/group-batch.js';
import { WatchGroup } from '../../../../src/main/watch/watch-group.js';
import type { GroupWatch } from '../../../../src/main/watch/group-watch.js';
import type { WatchEnd } from '../../../../src/main/watch/watch-end.js';
import { WatchRouter } from '../../../../src/main/watch/watch-router.js';
import { batchOf, puts, RecordingLink, turn } from './batches.js';

class Run {
  readonly router = new WatchRouter([new RecordingLink()]);
  readonly told: WatchEnd[] = [];
  readonly group = new WatchGroup(
    this.router,
    { budgetBytes: 4_096, onEnd: (_member, end) => void this.told.push(end) },
    () => undefined,
  );
  readonly member: GroupWatch = this.group.add('a', { startRevision: 3n });
  readonly reader: AsyncIterator<GroupBatch> = this.group[Symbol.asyncIterator]();

  created(): void {
    this.router.report(0, { kind: 'watch-created', watches: [1], startRevisions: [3] });
  }

  /** Events of the watch that nobody reads yet. */
  events(...revisions: number[]): void {
    this.router.batch(batchOf(puts(1, ...revisions)));
  }

  end(error: EtcdError): void {
    if (error.code === 'shard-failed') this.router.failed(0, error);
    else this.router.report(0, { kind: 'watch-ended', watch: 1, error: errorToPlain(error) });
  }
}

const ends: readonly EtcdError[] = [
  new CompactedError('compacted', 90n),
  ...(['reset', 'permission-denied', 'unauthenticated', 'revision-too-large', 'message-too-large'] as const).map(
    (code) => new EtcdError('ended', { code }),
  ),
  new EtcdError('the shard is gone', { code: 'shard-failed' }),
];

interface Place {
  readonly name: string;
  readonly prepare: (run: Run) => void | Promise<void>;
  /** What has reached the reader when the end comes and nothing is read any more. */
  readonly lastRevision: bigint | undefined;
}

const places: readonly Place[] = [
  { name: 'before it was created', prepare: () => undefined, lastRevision: undefined },
  { name: 'created', prepare: (run) => run.created(), lastRevision: undefined },
  {
    name: 'with all that it brought read',
    prepare: async (run) => {
      run.created();
      run.events(5, 6);
      await run.reader.next();
    },
    lastRevision: 6n,
  },
  {
    name: 'with events unread',
    prepare: async (run) => {
      run.created();
      run.events(5);
      run.events(7);
      run.events(9);
      await run.reader.next();
    },
    lastRevision: 6n,
  },
  { name: 'paused before it was created', prepare: (run) => run.member.pause(), lastRevision: undefined },
  {
    name: 'paused',
    prepare: async (run) => {
      run.created();
      run.events(5);
      await run.reader.next();
      run.member.pause();
    },
    lastRevision: 5n,
  },
  {
    name: 'paused with events on their way',
    prepare: async (run) => {
      run.created();
      run.events(5);
      await run.reader.next();
      run.member.pause();
      run.events(8);
      run.events(10);
    },
    lastRevision: 7n,
  },
  {
    name: 'paused with events unread and others on their way',
    prepare: (run) => {
      run.created();
      run.events(5);
      run.member.pause();
      run.events(8);
    },
    lastRevision: 4n,
  },
  {
    name: 'detached because its consumer lags',
    prepare: async (run) => {
      run.created();
      for (let revision = 4; revision < 12; revision += 1) {
        run.router.batch(batchOf({ watch: 1, events: [{ revision, value: 'x'.repeat(1_000) }] }));
      }
      await run.reader.next();
    },
    lastRevision: 4n,
  },
];

const finishes: readonly { readonly name: string; readonly finish: (run: Run) => unknown }[] = [
  { name: 'it is cancelled', finish: (run) => run.member.cancel() },
  { name: 'its group is closed', finish: (run) => run.group.close() },
  { name: 'the engine is closed', finish: (run) => run.router.close() },
];

describe.each(places)('a watch that ends $name', ({ prepare, lastRevision }) => {
  for (const error of ends) {
    for (const { name, finish } of finishes) {
      test(`by ${error.code} keeps that outcome when ${name}, told once, with what was delivered`, async () => {
        const run = new Run();
        await turn();
        await prepare(run);
        run.end(error);
        await turn();
        void finish(run);
        run.member.resume();
        await turn();
        const end = await run.member.ended;
        expect(end.reason).toBe(['compacted', 'reset'].find((reason) => reason === error.code) ?? 'failed');
        expect(end).toMatchObject({ error: { code: error.code }, lastRevision });
        expect(run.told).toEqual([end]);
        expect(run.group.size).toBe(0);
      });
    }

    test(`by ${error.code} is told so, once, when everything before has been read`, async () => {
      const run = new Run();
      await turn();
      await prepare(run);
      run.end(error);
      run.member.resume();
      let last = 0n;
      const next = async (): Promise<boolean> => {
        const read = await Promise.race([run.reader.next(), run.member.ended.then(() => undefined)]);
        if (read === undefined || read.done === true) return false;
        for (const part of read.value) last = part.revision;
        return true;
      };
      while (await next());
      const end = await run.member.ended;
      expect(end).toMatchObject({ error: { code: error.code } });
      if (last > 0n) expect(end.lastRevision).toBe(last);
      else expect(end.lastRevision).toBe(lastRevision);
      expect(run.told).toEqual([end]);
    });
  }

  test('by cancel() is cancelled, once, with what was delivered', async () => {
    const run = new Run();
    await turn();
    await prepare(run);
    void run.member.cancel();
    void run.member.cancel();
    run.router.report(0, { kind: 'watch-ended', watch: 1, error: undefined });
    run.member.resume();
    void run.group.close();
    expect(run.told).toEqual([{ reason: 'cancelled', lastRevision }]);
  });
});

describe('a paused watch', () => {
  test('of which nothing is kept back is told its end although it is paused', async () => {
    const run = new Run();
    run.created();
    run.member.pause();
    run.end(new EtcdError('went backwards', { code: 'reset' }));
    expect(await run.member.ended).toMatchObject({ reason: 'reset', lastRevision: undefined });
  });

  test('of which only progress is kept back is told its end although it is paused', async () => {
    const run = new Run();
    const member = run.group.add('b', { progressNotify: true });
    run.router.report(0, { kind: 'watch-created', watches: [2], startRevisions: [3] });
    member.pause();
    run.router.batch(batchOf({ watch: 2, progress: 9 }));
    const error = errorToPlain(new EtcdError('went backwards', { code: 'reset' }));
    run.router.report(0, { kind: 'watch-ended', watch: 2, error });
    expect(await member.ended).toMatchObject({ reason: 'reset' });
    member.resume();
  });

  test('that had ended keeps its own end when a callback of its consumer throws', async () => {
    const router = new WatchRouter([new RecordingLink()]);
    const group = new WatchGroup(
      router,
      {
        onBatch: () => {
          throw new Error('of the application');
        },
      },
      () => undefined,
    );
    const paused = group.add('a');
    const other = group.add('b');
    paused.pause();
    router.batch(batchOf(puts(1, 5)));
    router.report(0, {
      kind: 'watch-ended',
      watch: 1,
      error: errorToPlain(new EtcdError('went backwards', { code: 'reset' })),
    });
    router.batch(batchOf(puts(2, 6)));
    expect(await paused.ended).toMatchObject({ reason: 'reset', lastRevision: 4n });
    expect(await other.ended).toMatchObject({ reason: 'failed', error: { code: 'callback-failed' } });
  });
});
