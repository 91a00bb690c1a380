import { describe, expect, it } from 'vitest';
import {
  LeaseSchedule,
  nextRenewalMs,
  renewalIntervalMs,
  retryAfterMs,
  spreadRenewals,
  tickMsFor,
} from '../../../../src/workers/lease/lease-schedule.js';
import { Rng } from '../../../support/rng.js';

function dueAt(schedule: LeaseSchedule, nowMs: number): number[] {
  const count = schedule.advance(nowMs);
  return Array.from(schedule.due.subarray(0, count)).sort((a, b) => a - b);
}

describe('the timer wheel', () => {
  it('finds an entry when its time has come, not before, and once only', () => {
    const schedule = new LeaseSchedule(1_000);
    schedule.set(3, 1_500);
    expect(dueAt(schedule, 1_499)).toEqual([]);
    expect(dueAt(schedule, 1_500)).toEqual([3]);
    expect(dueAt(schedule, 10_000)).toEqual([]);
    expect(schedule.size).toBe(0);
  });

  it('moves an entry that is set again, and drops one that is cleared', () => {
    const schedule = new LeaseSchedule(0);
    schedule.set(1, 100);
    schedule.set(1, 900);
    schedule.set(2, 100);
    schedule.clear(2);
    schedule.clear(77);
    expect(dueAt(schedule, 500)).toEqual([]);
    expect(dueAt(schedule, 900)).toEqual([1]);
  });

  it('finds entries of the past at the next look, and entries several rounds away in theirs', () => {
    const schedule = new LeaseSchedule(0, 10, 8); // a round is 80 ms
    schedule.advance(1_000);
    schedule.set(1, 5);
    schedule.set(2, 1_000 + 5 * 80 + 3);
    expect(dueAt(schedule, 1_001)).toEqual([1]);
    for (let nowMs = 1_010; nowMs < 1_400; nowMs += 10) expect(dueAt(schedule, nowMs)).toEqual([]);
    expect(dueAt(schedule, 1_410)).toEqual([2]);
  });

  it('loses nothing when it was not looked at for many rounds', () => {
    const schedule = new LeaseSchedule(0, 10, 8);
    for (let slot = 0; slot < 200; slot += 1) schedule.set(slot, slot * 7);
    expect(dueAt(schedule, 1_000_000)).toHaveLength(200);
  });

  it.each([1, 2, 3])('agrees with a plain map over random sets, clears and looks (seed %i)', (seed) => {
    const random = new Rng(seed);
    const schedule = new LeaseSchedule(0, 10, 16);
    const model = new Map<number, number>();
    let nowMs = 0;
    for (let step = 0; step < 3_000; step += 1) {
      const slot = random.integer(0, 150);
      if (random.chance(0.5)) {
        const dueMs = nowMs + random.integer(-20, 900);
        schedule.set(slot, dueMs);
        model.set(slot, dueMs);
      } else if (random.chance(0.2)) {
        schedule.clear(slot);
        model.delete(slot);
      } else {
        nowMs += random.integer(0, 60);
        const expected = [...model].filter(([, dueMs]) => dueMs <= nowMs).map(([due]) => due);
        for (const due of expected) model.delete(due);
        expect(dueAt(schedule, nowMs)).toEqual(expected.sort((a, b) => a - b));
      }
      expect(schedule.size).toBe(model.size);
    }
  });
});

describe('when to renew', () => {
  it('is a third of the TTL answered, or as asked, but never so late that the lease runs out', () => {
    expect(renewalIntervalMs(30, 0)).toBe(10_000);
    expect(renewalIntervalMs(30, 2_000)).toBe(2_000);
    expect(renewalIntervalMs(30, 60_000)).toBe(20_000);
  });

  it('is early by chance, by half of the interval at most the first time, a tenth later', () => {
    expect(nextRenewalMs(1_000, 900, true, 0.999_999)).toBeCloseTo(1_450, 0);
    expect(nextRenewalMs(1_000, 900, false, 0.999_999)).toBeCloseTo(1_810, 0);
    expect(nextRenewalMs(1_000, 900, false, 0)).toBe(1_900);
  });

  it('is tried again after a sixth of the TTL, a second at least', () => {
    expect(retryAfterMs(2)).toBe(1_000);
    expect(retryAfterMs(15)).toBe(2_500);
  });

  it('looks at the wheel more rarely the longer the leases are, and often enough to notice a hung main thread', () => {
    expect(tickMsFor(10_000, 0)).toBe(1_000);
    expect(tickMsFor(5_000, 0)).toBe(500);
    expect(tickMsFor(100, 0)).toBe(50);
    expect(tickMsFor(10_000, 800)).toBe(100);
    expect(tickMsFor(Infinity, 0)).toBe(1_000);
  });
});

describe('renewals after a reconnect', () => {
  it('come at once where they are few', () => {
    const out = new Float64Array(3);
    spreadRenewals(500, [600, 700, 10_000], [100, 100, 100], out);
    expect(Array.from(out)).toEqual([500, 500, 500]);
  });

  it('come in the order of their deadlines, each before the middle of the time it has left, within one interval', () => {
    const random = new Rng(7);
    const deadlines = Float64Array.from({ length: 5_000 }, () => 1_000 + random.integer(0, 15_000)).sort();
    const intervals = new Float64Array(5_000).fill(5_000);
    const out = new Float64Array(5_000);
    spreadRenewals(1_000, deadlines, intervals, out);
    for (let i = 0; i < out.length; i += 1) {
      const dueMs = out[i] ?? 0;
      expect(dueMs).toBeGreaterThanOrEqual(i === 0 ? 1_000 : (out[i - 1] ?? 0));
      expect(dueMs).toBeLessThanOrEqual(1_000 + ((deadlines[i] ?? 0) - 1_000) / 2);
      expect(dueMs).toBeLessThanOrEqual(6_000);
    }
    expect(out.at(-1)).toBeGreaterThan(5_900); // and they use the time there is
  });
});
