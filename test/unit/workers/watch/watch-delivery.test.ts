import { globalTimers } from '../../../support/global-timers.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ShardLimits, ShardReport, WatchSpec } from '../../../../src/wire/contract.js';
import { SEGMENT_PROGRESS } from '../../../../src/wire/event-batch.js';
import { openBatch } from '../../../../src/wire/open-batch.js';
import { Batcher } from '../../../../src/workers/batch/batcher.js';
import { decodeWatchHead, WatchHead } from '../../../../src/workers/watch/watch-decoder.js';
import { sleep } from '../../../../src/workers/rest.js';
import { WatchDelivery } from '../../../../src/workers/watch/watch-delivery.js';
import { WatchEntry } from '../../../../src/workers/watch/watch-entry.js';
import { encodeWatchAnswer } from '../../../support/fake-watch-store.js';
import { writeFields } from '../../../support/raw-protobuf.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LIMITS: ShardLimits = {
  creditBytes: 1 << 30,
  maxRevisionBytes: 500,
  flushBytes: 1 << 20,
  flushEvents: 1 << 20,
  flushIntervalMs: 1,
};

function event(revision: number, key = 'k', value = ''): Uint8Array {
  const kv = writeFields([
    [1, key],
    [3, revision],
    [5, value],
  ]);
  return writeFields([[2, kv]]);
}

class Rig {
  readonly posted: ShardReport[] = [];
  readonly batcher = new Batcher({
    limits: LIMITS,
    now: () => 0,
    post: (report) => void this.posted.push(report),
    onStall: () => undefined,
    onResume: () => undefined,
    timers: globalTimers,
    creating: () => false,
    rest: sleep(globalTimers),
  });
  readonly delivery = new WatchDelivery({
    batcher: this.batcher,
    limits: LIMITS,
    timers: globalTimers,
  });

  entry(input: Partial<WatchSpec> = {}): WatchEntry {
    return new WatchEntry({ ...watchSpec({ startRevision: 1 }), ...input });
  }

  /** One answer of the server. */
  take(entry: WatchEntry, events: readonly Uint8Array[], fragment = false): ReturnType<WatchDelivery['events']> {
    return this.takeBytes(entry, encodeWatchAnswer({ id: 1, revision: 1000, events, fragment }));
  }

  takeBytes(entry: WatchEntry, message: Uint8Array): ReturnType<WatchDelivery['events']> {
    const lent = new Uint8Array(message);
    const head = new WatchHead();
    decodeWatchHead(head, lent, 0, lent.length);
    try {
      return this.delivery.events(entry, head, lent, lent.length);
    } finally {
      lent.fill(0xff);
    }
  }

  /** What was appended since the last call: the revisions of each segment. */
  segments(): number[][] {
    const { writer } = this.batcher;
    const batch = openBatch(writer.seal());
    let row = 0;
    return Array.from({ length: batch.segmentCount }, (_, segment) =>
      Array.from({ length: batch.segmentEvents[segment] ?? 0 }, () => batch.modRevision[row++] ?? 0),
    );
  }
}

describe('events of a watch', () => {
  it('are delivered by message, and move the next revision behind the last event, never to the header', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(5), event(5, 'l'), event(9)]);
    expect(rig.segments()).toEqual([[5, 5, 9]]);
    expect(entry.next).toBe(10);
  });

  it('below the next revision are dropped', () => {
    const rig = new Rig();
    const entry = rig.entry({ startRevision: 6 });
    rig.take(entry, [event(4), event(5)]);
    expect(rig.segments()).toEqual([]);
    rig.take(entry, [event(5), event(6)]);
    expect(rig.segments()).toEqual([[6]]);
  });

  it('of a revision continued over any number of fragments come together with its last one', () => {
    for (const fragments of [1, 2, 5]) {
      const rig = new Rig();
      const entry = rig.entry();
      for (let index = 0; index < fragments; index += 1) rig.take(entry, [event(7, `k${index}`)], true);
      expect(rig.segments()).toEqual([]);
      expect(entry.next).toBe(1);
      rig.take(entry, [event(7, 'z')]);
      expect(rig.segments()).toEqual([Array.from({ length: fragments + 1 }, () => 7)]);
      expect(entry.next).toBe(8);
      expect(entry.assembly).toBeUndefined();
    }
  });

  it('of a revision that ends in the middle of a fragment come with it; the newer one waits', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(3), event(7)], true);
    expect(rig.segments()).toEqual([[3]]);
    rig.take(entry, [event(7, 'l'), event(8), event(9)], true);
    expect(rig.segments()).toEqual([[7, 7, 8]]);
    rig.take(entry, [event(10)], true);
    expect(rig.segments()).toEqual([[9]]);
    rig.take(entry, [event(11)]);
    expect(rig.segments()).toEqual([[10, 11]]);
  });

  it('of a fragment series cut by a lost stream come again from the beginning of that revision', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(3), event(7, 'a')], true);
    const stream = { trustsProgress: true, cancelWatch: () => undefined, requestProgress: () => undefined };
    entry.enter({ at: 'creating', on: { stream, streamWatchId: 1 } });
    entry.enter({ at: 'waiting' });
    expect(entry.next).toBe(4);
    rig.take(entry, [event(7, 'a'), event(7, 'b')]);
    expect(rig.segments()).toEqual([[3], [7, 7]]);
  });

  it('that were delivered already are dropped from an assembled revision too', () => {
    const rig = new Rig();
    const entry = rig.entry({ startRevision: 8 });
    rig.take(entry, [event(7)], true);
    rig.take(entry, [event(7, 'l'), event(8)]);
    expect(rig.segments()).toEqual([[8]]);
  });

  it('may not go back to an older revision behind a fragment', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(7)], true);
    expect(() => rig.take(entry, [event(5)])).toThrow(/older revision/u);
    expect(rig.segments()).toEqual([]);
    expect(entry.next).toBe(1);
  });

  it('of a revision larger than allowed end that watch, after what came before it', () => {
    const rig = new Rig();
    const entry = rig.entry();
    expect(rig.take(entry, [event(3), event(7, 'a', 'x'.repeat(300))], true)).toBeUndefined();
    const error = rig.take(entry, [event(7, 'b', 'x'.repeat(300))], true);
    expect(error).toMatchObject({ code: 'revision-too-large' });
    expect(error?.message).toContain('maxRevisionBytes (500)');
    expect(rig.segments()).toEqual([[3]]);
  });

  it('that are malformed leave the batch and the next revision as they were', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(3)]);
    const withoutRevision = writeFields([[2, writeFields([[1, 'k']])]]);
    for (const isFragment of [false, true]) {
      expect(() => rig.take(entry, [event(4), withoutRevision], isFragment)).toThrow(/malformed/u);
      expect(rig.batcher.writer.eventCount).toBe(1);
      expect(entry.next).toBe(4);
    }
    rig.take(entry, [event(4)]);
    expect(rig.segments()).toEqual([[3], [4]]);
  });
});

describe('progress of a watch', () => {
  const flags = (rig: Rig): number[] => Array.from(openBatch(rig.batcher.writer.seal()).segmentFlags);

  it('moves the next revision, and is told in the batch where it was asked for', () => {
    const rig = new Rig();
    const entry = rig.entry({ progressNotify: true });
    rig.delivery.progress(entry, 50);
    expect(entry.next).toBe(51);
    expect(flags(rig)).toEqual([SEGMENT_PROGRESS]);
  });

  it('below what was delivered, of no revision, or inside an assembled revision is ignored', () => {
    const rig = new Rig();
    const entry = rig.entry({ startRevision: 60, progressNotify: true });
    rig.delivery.progress(entry, 58);
    rig.delivery.progress(entry, 0);
    rig.take(entry, [event(70)], true);
    rig.delivery.progress(entry, 80);
    expect(entry.next).toBe(60);
    expect(flags(rig)).toEqual([]);
  });

  it('is told as bookmarks otherwise: one report for all that moved in one turn, nothing for those that did not', () => {
    const rig = new Rig();
    const [first, second, third] = [rig.entry({ watch: 1 }), rig.entry({ watch: 2 }), rig.entry({ watch: 3 })];
    third.next = 51;
    for (const entry of [first, second, third]) rig.delivery.progress(entry, 50);
    vi.advanceTimersByTime(0);
    expect(rig.posted).toEqual([{ kind: 'bookmarks', watches: Uint32Array.of(1, 2), nextRevision: 51 }]);
  });

  it('comes behind the events before it', () => {
    const rig = new Rig();
    const entry = rig.entry();
    rig.take(entry, [event(5)]);
    rig.delivery.progress(entry, 50);
    vi.advanceTimersByTime(0);
    expect(rig.posted.map(({ kind }) => kind)).toEqual(['batch', 'bookmarks']);
  });
});
