import { describe, expect, it } from 'vitest';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { monotonicMs } from '../../../../src/wire/monotonic-clock.js';
import { HaltWatch } from '../../../../src/workers/lease/halt-watch.js';

const START = 1_000_000;

function rig(livenessMs = 0, boot = false) {
  const state = LeaseState.allocate(16);
  state.livenessMs = livenessMs;
  state.heartbeatMs = START;
  const clock = { now: START, wall: 5_000_000, booted: 1_000_000 };
  const watch = new HaltWatch(state, {
    monotonicMs: () => clock.now,
    wallMs: () => clock.wall,
    ...(boot ? { bootMs: () => clock.booted } : {}),
  });
  const pass = (ms: number, wallMs = ms, bootMs = ms): ReturnType<HaltWatch['look']> => {
    clock.now += ms;
    clock.wall += wallMs;
    clock.booted += bootMs;
    return watch.look(clock.now);
  };
  return { state, pass, clock };
}

describe('a main thread that hangs', () => {
  it('is noticed once its heartbeat is older than livenessMs, and never without livenessMs', () => {
    const { pass, state, clock } = rig(3_000);
    expect(pass(2_999).hung).toBe(false);
    expect(pass(2).hung).toBe(true);
    state.heartbeatMs = clock.now;
    expect(pass(100).hung).toBe(false);
    expect(rig(0).pass(1e9).hung).toBe(false);
  });

  it('is noticed when main found it first, once', () => {
    const { pass, state } = rig(3_000);
    state.requestHalt();
    expect(pass(1).hung).toBe(true);
    expect(pass(1).hung).toBe(false);
  });
});

describe('a suspended machine', () => {
  it('is noticed by the wall clock running ahead, small steps of which are corrections', () => {
    const { pass } = rig();
    expect(pass(100, 900).suspendedMs).toBe(0);
    expect(pass(100, 60_100).suspendedMs).toBe(60_000);
    expect(pass(100).suspendedMs).toBe(0);
    expect(pass(100, -3_600_000).suspendedMs).toBe(0);
  });

  it('is not mistaken for a wall clock that was set, where the system counts suspensions', () => {
    const { pass } = rig(0, true);
    expect(pass(100, 3_600_000, 100).suspendedMs).toBe(0);
    expect(pass(100, 60_100, 60_100).suspendedMs).toBeCloseTo(60_000);
  });
});

describe('the shared state', () => {
  it('has columns that do not overlap, and ids readable as halves', () => {
    const state = LeaseState.allocate(16);
    const again = new LeaseState(state.buffer);
    expect(again.capacity).toBe(16);
    for (let slot = 0; slot < 16; slot += 1) {
      state.leaseId[slot] = BigInt(slot) - 3n;
      state.deadlineMs[slot] = slot + 0.5;
      state.ttlSeconds[slot] = slot * 2;
      state.intervalMs[slot] = slot * 3;
      state.observed[slot] = slot % 2;
      state.setStatus(slot, slot % 2 === 0 ? LeaseStatus.Live : LeaseStatus.Lost);
    }
    state.heartbeatMs = 1.5;
    state.wallAheadMs = 2.5;
    state.requestHalt();
    for (let slot = 0; slot < 16; slot += 1) {
      expect(again.leaseId[slot]).toBe(BigInt(slot) - 3n);
      expect(again.deadlineMs[slot]).toBe(slot + 0.5);
      expect(again.ttlSeconds[slot]).toBe(slot * 2);
      expect(again.intervalMs[slot]).toBe(slot * 3);
      expect(again.observed[slot]).toBe(slot % 2);
      expect(again.status(slot)).toBe(slot % 2 === 0 ? LeaseStatus.Live : LeaseStatus.Lost);
    }
    expect([again.heartbeatMs, again.livenessMs, again.wallAheadMs, again.halts]).toEqual([1.5, 0, 2.5, 1]);
  });

  it('counts on a clock that is the same as the system’s, in milliseconds', () => {
    const before = Number(process.hrtime.bigint()) / 1e6;
    const now = monotonicMs();
    const after = Number(process.hrtime.bigint()) / 1e6;
    expect(now).toBeGreaterThan(before - 1);
    expect(now).toBeLessThan(after + 1);
  });
});
