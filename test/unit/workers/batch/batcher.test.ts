import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatcherRig } from '../../../support/batcher-rig.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Batcher', () => {
  it('sends at the end of the turn when it was idle: what came together leaves together', () => {
    const rig = new BatcherRig();
    rig.append();
    rig.append();
    expect(rig.kinds()).toEqual([]);
    rig.advance(0);
    expect(rig.batchEvents()).toEqual([2]);
  });

  it('sends few events at once, however soon after the last', () => {
    const rig = new BatcherRig();
    for (let batch = 0; batch < 20; batch += 1) {
      rig.append();
      rig.advance(0);
      rig.advance(1);
    }
    expect(rig.batchEvents()).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('waits for the interval once events are many, and no longer when they are few again', () => {
    const rig = new BatcherRig();
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

  it('remembers that events were many over a pause as long as they would have taken at one a ms', () => {
    const rig = new BatcherRig();
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

  it('tells of creations together while more are to come, and at once when none are', () => {
    const rig = new BatcherRig();
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
    const rig = new BatcherRig({}, 'own');
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

  it('sends at once what has enough events or bytes', () => {
    const rig = new BatcherRig();
    rig.append(50);
    expect(rig.batchEvents()).toEqual([50]);
    rig.append(2, 5000);
    expect(rig.batchEvents()).toEqual([50, 2]);
    rig.advance(10);
    expect(rig.batchEvents()).toEqual([50, 2]);
  });

  it('stalls when the credit is spent, sends nothing until there is some again, and then all of it', () => {
    const rig = new BatcherRig({ creditBytes: 1000 });
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
    const rig = new BatcherRig({ creditBytes: 1000 });
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
    const rig = new BatcherRig({ creditBytes: 1000 });
    rig.append(10, 100);
    rig.batcher.postInOrder({ kind: 'watch-ended', watch: 1, error: undefined });
    expect(rig.kinds()).toEqual(['batch', 'watch-ended']);
    expect(rig.turns).toEqual(['stall']);
  });

  it('tells of creations before the batch with their events, and of ends after it, stalled or not', () => {
    for (const creditBytes of [1_000_000, 10]) {
      const rig = new BatcherRig({ creditBytes });
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
    const rig = new BatcherRig();
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
    const rig = new BatcherRig();
    rig.append(50);
    rig.append(50);
    const bytes = rig.batchBytes();
    expect(rig.batcher.totals).toEqual({ events: 100, batches: 2, bytes, uncredited: bytes });
  });
});
