import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ShardLimits, ShardReport } from '../../../../src/wire/contract.js';
import { openBatch } from '../../../../src/wire/event-batch.js';
import { Batcher } from '../../../../src/workers/batch/batcher.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LIMITS: ShardLimits = {
  creditBytes: 1_000_000,
  maxRevisionBytes: 1 << 20,
  flushBytes: 10_000,
  flushEvents: 50,
  flushIntervalMs: 5,
};

class Rig {
  now = 0;
  /** How long each rest was to be. */
  readonly rests: number[] = [];
  creating = false;
  readonly posted: ShardReport[] = [];
  readonly turns: string[] = [];
  readonly batcher: Batcher;

  /** `thread`: resting takes its time at once, as sleeping does, or leaves it to others. */
  constructor(limits: Partial<ShardLimits> = {}, thread: 'own' | 'shared' = 'shared') {
    this.batcher = new Batcher({
      limits: { ...LIMITS, ...limits },
      now: () => this.now,
      post: (report) => void this.posted.push(report),
      onStall: () => void this.turns.push('stall'),
      onResume: () => void this.turns.push('resume'),
      guarded: (callback) => callback,
      creating: () => this.creating,
      rest: (ms, rested) => {
        this.rests.push(ms);
        if (thread === 'own') this.now += ms;
        const timer = setTimeout(rested, thread === 'own' ? 0 : ms);
        return () => clearTimeout(timer);
      },
    });
  }

  /** Appends events as a decoder would. */
  append(count = 1, bytes = 10): void {
    const { writer } = this.batcher;
    for (let index = 0; index < count; index += 1) {
      writer.columns.modRevision[writer.eventCount] = 1;
      writer.addRegion(new Uint8Array(bytes), 0, bytes);
      writer.keepEvent();
    }
    writer.endSegment(1, 1, 0);
    this.batcher.appended();
  }

  advance(ms: number): void {
    this.now += ms;
    vi.advanceTimersByTime(ms);
  }

  kinds(): string[] {
    return this.posted.map(({ kind }) => kind);
  }

  batchEvents(): number[] {
    return this.posted.flatMap((report) => (report.kind === 'batch' ? [openBatch(report.bytes).eventCount] : []));
  }

  batchBytes(): number {
    return this.posted.reduce((sum, report) => sum + (report.kind === 'batch' ? report.bytes.length : 0), 0);
  }
}

describe('Batcher', () => {
  it('sends at the end of the turn when it was idle: what came together leaves together', () => {
    const rig = new Rig();
    rig.append();
    rig.append();
    expect(rig.kinds()).toEqual([]);
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([2]);
  });

  it('sends few events at once, however soon after the last', () => {
    const rig = new Rig();
    for (let batch = 0; batch < 20; batch += 1) {
      rig.append();
      rig.advance(0);
      rig.advance(1);
    }
    expect(rig.batchEvents()).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('waits for the interval once events are many, and no longer when they are few again', () => {
    const rig = new Rig();
    rig.append(20);
    rig.advance(0);
    rig.append();
    rig.advance(0);
    rig.advance(4);
    expect(rig.batchEvents()).toEqual([20]);
    rig.append();
    rig.advance(1);
    expect(rig.batchEvents()).toEqual([20, 2]);
    rig.advance(100);
    rig.append();
    rig.advance(0);
    rig.append();
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([20, 2, 1, 1]);
  });

  it('rests out the interval once events are many, then reads what has come before it sends', () => {
    const rig = new Rig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.now += 1;
    rig.append();
    vi.runOnlyPendingTimers();
    expect(rig.rests).toEqual([5]);
    expect(rig.batchEvents()).toEqual([20]);
    rig.append(5);
    vi.runOnlyPendingTimers();
    expect(rig.batchEvents()).toEqual([20, 6]);
  });

  it('remembers that events were many over a pause as long as they would have taken at one a ms', () => {
    const rig = new Rig();
    rig.append(40);
    rig.advance(0);
    rig.advance(30);
    rig.append();
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([40]);
    rig.advance(5);
    expect(rig.batchEvents()).toEqual([40, 1]);
    rig.append();
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([40, 1, 1]);
  });

  it('rests again right after sending while each rest brings many events', () => {
    const rig = new Rig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.append(20);
    vi.runOnlyPendingTimers();
    for (const events of [20, 10, 3]) {
      rig.append(events);
      vi.runOnlyPendingTimers();
    }
    expect(rig.batchEvents()).toEqual([20, 40, 10, 3]);
    expect(rig.rests).toEqual([5, 5, 5]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not go on resting when rests bring less than an event a ms, however long they are', () => {
    const rig = new Rig({ flushIntervalMs: 50 }, 'own');
    rig.append(40);
    rig.advance(0);
    rig.append();
    vi.runOnlyPendingTimers();
    expect(rig.rests).toHaveLength(1);
    rig.append(10); // what 200 a second bring in that time
    vi.runOnlyPendingTimers();
    rig.advance(5);
    for (let event = 0; event < 20; event += 1) {
      rig.append();
      rig.advance(0);
      rig.advance(5);
    }
    expect(rig.rests).toHaveLength(1);
    expect(rig.batchEvents()).toEqual([40, 11, ...Array.from({ length: 20 }, () => 1)]);
  });

  it.each([240, 300, 500, 900])('comes to rest no more after a burst, at %i events a second', (rate) => {
    const rig = new Rig({ flushIntervalMs: 50 });
    rig.append(40);
    rig.advance(0);
    const everyMs = 1_000 / rate;
    let restsBefore = 0;
    for (let event = 0; event < rate * 2; event += 1) {
      if (event === rate) restsBefore = rig.rests.length;
      rig.append();
      rig.advance(0);
      rig.advance(everyMs);
    }
    expect(rig.rests.length).toBe(restsBefore);
  });

  it('does not wait longer for what comes while it rests all the same, and still sends by size', () => {
    const rig = new Rig();
    rig.append(20);
    rig.advance(0);
    rig.append();
    rig.advance(1);
    rig.append(3);
    rig.advance(3);
    expect(rig.batchEvents()).toEqual([20]);
    rig.advance(2);
    expect(rig.batchEvents()).toEqual([20, 4]);
    rig.append(2);
    rig.advance(1);
    rig.append(50);
    expect(rig.batchEvents()).toEqual([20, 4, 52]);
    expect(rig.rests).toEqual([5, 5]);
    rig.advance(100);
    expect(rig.batchEvents()).toEqual([20, 4, 52]);
  });

  it('never rests while creations wait: more creates wait for their answers', () => {
    const rig = new Rig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.append();
    rig.batcher.created(3, 9);
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([20]);
    rig.advance(5);
    expect(rig.batchEvents()).toEqual([20, 1]);
    expect(rig.rests).toEqual([]);
  });

  it('never rests while creates wait to be answered', () => {
    const rig = new Rig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.creating = true;
    rig.append();
    rig.advance(5);
    expect(rig.batchEvents()).toEqual([20, 1]);
    expect(rig.rests).toEqual([]);
  });

  it('tells of creations together while more are to come, and at once when none are', () => {
    const rig = new Rig();
    rig.creating = true;
    for (let watch = 1; watch <= 3; watch += 1) {
      rig.batcher.created(watch, 9);
      rig.advance(1);
    }
    expect(rig.kinds()).toEqual([]);
    rig.advance(2);
    expect(rig.kinds()).toEqual(['watch-created']);
    rig.batcher.created(4, 9);
    rig.advance(0);
    rig.creating = false;
    rig.batcher.created(5, 9);
    rig.advance(0);
    expect(rig.posted.map((report) => (report.kind === 'watch-created' ? report.watches : []))).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('sends the first events after very many creations at once', () => {
    const rig = new Rig({}, 'own');
    for (let watch = 1; watch <= 1_000; watch += 1) rig.batcher.created(watch, 9);
    rig.advance(0);
    for (let event = 1; event <= 5; event += 1) {
      rig.append();
      rig.advance(0);
      rig.advance(1);
    }
    expect(rig.kinds()).toEqual(['watch-created', ...Array.from({ length: 5 }, () => 'batch')]);
    expect(rig.rests).toEqual([]);
  });

  it('does not rest while more comes than fits a batch: waiting would only fill the sockets', () => {
    const rig = new Rig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.append();
    vi.runOnlyPendingTimers();
    expect(rig.rests).toEqual([5]);
    rig.append(50); // leaves by size
    rig.append(20);
    vi.runOnlyPendingTimers();
    expect(rig.batchEvents()).toEqual([20, 51, 20]);
    rig.append(50);
    rig.append(20);
    vi.runOnlyPendingTimers();
    expect(rig.batchEvents()).toEqual([20, 51, 20, 50, 20]);
    expect(rig.rests).toEqual([5]);
    rig.append(20); // less again
    vi.runOnlyPendingTimers();
    expect(rig.rests).toEqual([5, 5]);
  });

  it('gives its rest up when it closes', () => {
    const rig = new Rig();
    rig.append(20);
    rig.advance(0);
    rig.append();
    rig.advance(1);
    expect(vi.getTimerCount()).toBe(1);
    rig.batcher.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(rig.batchEvents()).toEqual([20, 1]);
  });

  it('is not resumed by a rest that ends while it is stalled or closed', () => {
    const stalled = new Rig({ creditBytes: 1000 });
    stalled.append(20);
    stalled.advance(0);
    stalled.append();
    stalled.advance(1);
    stalled.append(10, 100);
    stalled.batcher.postInOrder({ kind: 'watch-ended', watch: 1, error: undefined });
    stalled.append();
    stalled.advance(100);
    expect(stalled.kinds()).toEqual(['batch', 'batch', 'watch-ended']);
    const closed = new Rig();
    closed.append(20);
    closed.advance(0);
    closed.append();
    closed.advance(1);
    closed.batcher.close();
    closed.append();
    closed.advance(100);
    expect(closed.batchEvents()).toEqual([20, 1]);
  });

  it('sends at once what has enough events or bytes', () => {
    const rig = new Rig();
    rig.append(50);
    expect(rig.batchEvents()).toEqual([50]);
    rig.append(2, 5000);
    expect(rig.batchEvents()).toEqual([50, 2]);
    rig.advance(10);
    expect(rig.batchEvents()).toEqual([50, 2]);
  });

  it('stalls when the credit is spent, sends nothing until there is some again, and then all of it', () => {
    const rig = new Rig({ creditBytes: 1000 });
    rig.append(10, 100);
    rig.advance(0);
    expect(rig.turns).toEqual(['stall']);
    rig.append(3);
    rig.batcher.created(7, 1);
    rig.advance(100);
    expect(rig.kinds()).toEqual(['batch']);
    rig.batcher.credit(1);
    expect(rig.turns).toEqual(['stall']);
    rig.batcher.credit(rig.batchBytes());
    expect(rig.turns).toEqual(['stall', 'resume']);
    expect(rig.kinds()).toEqual(['batch', 'watch-created', 'batch']);
    expect(rig.batcher.totals.uncredited).toBeLessThan(1000);
  });

  it('stays stalled when what had waited spends the credit again', () => {
    const rig = new Rig({ creditBytes: 1000 });
    rig.append(10, 100);
    rig.advance(0);
    rig.append(10, 100);
    rig.batcher.credit(rig.batchBytes());
    expect(rig.turns.filter((turn) => turn === 'resume')).toEqual([]);
    expect(rig.batcher.stalled).toBe(true);
    rig.batcher.credit(1_000_000);
    expect(rig.turns.at(-1)).toBe('resume');
  });

  it('stalls also when the credit is spent by what had to be sent in order', () => {
    const rig = new Rig({ creditBytes: 1000 });
    rig.append(10, 100);
    rig.batcher.postInOrder({ kind: 'watch-ended', watch: 1, error: undefined });
    expect(rig.kinds()).toEqual(['batch', 'watch-ended']);
    expect(rig.turns).toEqual(['stall']);
  });

  it('tells of creations before the batch with their events, and of ends after it, stalled or not', () => {
    for (const creditBytes of [1_000_000, 10]) {
      const rig = new Rig({ creditBytes });
      rig.append();
      rig.advance(0);
      rig.batcher.created(3, 9);
      rig.append();
      rig.batcher.postInOrder({ kind: 'watch-ended', watch: 3, error: undefined });
      expect(rig.kinds()).toEqual(['batch', 'watch-created', 'batch', 'watch-ended']);
      expect(rig.posted[1]).toEqual({ kind: 'watch-created', watches: [3], startRevisions: [9] });
    }
  });

  it('sends what is left when it closes, and starts no timer afterwards', () => {
    const rig = new Rig();
    rig.append();
    rig.batcher.close();
    expect(rig.batchEvents()).toEqual([1]);
    rig.append();
    rig.batcher.created(1, 1);
    expect(vi.getTimerCount()).toBe(0);
    rig.advance(100);
    expect(rig.kinds()).toEqual(['batch']);
  });

  it('counts what it has sent', () => {
    const rig = new Rig();
    rig.append(50);
    rig.append(50);
    const bytes = rig.batchBytes();
    expect(rig.batcher.totals).toEqual({ events: 100, batches: 2, bytes, uncredited: bytes });
  });
});
