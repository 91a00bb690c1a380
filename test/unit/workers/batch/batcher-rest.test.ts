import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatcherRig } from '../../../support/batcher-rig.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a busy Batcher', () => {
  it('rests out the interval once events are many, then reads what has come before it sends', () => {
    const rig = new BatcherRig({}, 'own');
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

  it('rests again right after sending while each rest brings many events', () => {
    const rig = new BatcherRig({}, 'own');
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

  it.each([
    ['are to be told', (rig: BatcherRig) => rig.batcher.created(3, 9)],
    ['are awaited', (rig: BatcherRig) => void (rig.creating = true)],
  ])('does not rest again after sending while creations %s', (_, create) => {
    const rig = new BatcherRig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.append(20);
    vi.runOnlyPendingTimers();
    rig.append(20);
    create(rig);
    vi.runOnlyPendingTimers();
    expect(rig.batchEvents()).toEqual([20, 40]);
    expect(rig.rests).toEqual([5]);
  });

  it('does not go on resting when rests bring less than an event a ms, however long they are', () => {
    const rig = new BatcherRig({ flushIntervalMs: 50 }, 'own');
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
    const rig = new BatcherRig({ flushIntervalMs: 50 });
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
    const rig = new BatcherRig();
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
    const rig = new BatcherRig({}, 'own');
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
    const rig = new BatcherRig({}, 'own');
    rig.append(20);
    rig.advance(0);
    rig.creating = true;
    rig.append();
    rig.advance(5);
    expect(rig.batchEvents()).toEqual([20, 1]);
    expect(rig.rests).toEqual([]);
  });

  it('does not rest while more comes than fits a batch: waiting would only fill the sockets', () => {
    const rig = new BatcherRig({}, 'own');
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
    const rig = new BatcherRig();
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
    const stalled = new BatcherRig({ creditBytes: 1000 });
    stalled.append(20);
    stalled.advance(0);
    stalled.append();
    stalled.advance(1);
    stalled.append(10, 100);
    stalled.batcher.postInOrder({ kind: 'watch-ended', watch: 1, error: undefined });
    stalled.append();
    stalled.advance(100);
    expect(stalled.kinds()).toEqual(['batch', 'batch', 'watch-ended']);
    const closed = new BatcherRig();
    closed.append(20);
    closed.advance(0);
    closed.append();
    closed.advance(1);
    closed.batcher.close();
    closed.append();
    closed.advance(100);
    expect(closed.batchEvents()).toEqual([20, 1]);
  });
});
