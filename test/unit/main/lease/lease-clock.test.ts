/** What main makes of a wall clock that jumps: a machine that slept, or a clock that was set. */
import { describe, expect, it } from 'vitest';
import { bootMs } from '../../../../src/wire/boot-clock.js';
import { LeaseState } from '../../../../src/wire/lease-state.js';
import { LeaseClock } from '../../../../src/main/lease/lease-clock.js';
import { HaltWatch } from '../../../../src/workers/lease/halt-watch.js';
import { systemClock } from '../../../../src/workers/lease/system-clock.js';

const START = 1_000_000;

/** Main's clock and the shard's on the same simulated system, where the shard looks when the test says so. */
function rig(hasBoot = true) {
  const time = { now: START, wall: 5_000_000, boot: START + 7_000, bootReads: 0 };
  const clocks = {
    monotonicMs: () => time.now,
    wallMs: () => time.wall,
    bootMs: () => {
      time.bootReads += 1;
      return hasBoot ? time.boot : undefined;
    },
  };
  const state = LeaseState.allocate(16);
  const main = new LeaseClock([state], 0, clocks);
  let shard = new HaltWatch(state, clocks);
  return {
    time,
    state,
    /** What main adds to the monotonic clock. */
    missedMs: () => main.nowMs(state) - time.now,
    look: () => shard.look(time.now).suspendedMs,
    respawn: () => (shard = new HaltWatch(state, clocks)),
    pass: (ms: number) => {
      time.now += ms;
      time.wall += ms;
      time.boot += ms;
    },
    sleep: (ms: number) => {
      time.wall += ms;
      time.boot += ms;
    },
    set: (ms: number) => (time.wall += ms),
  };
}

describe('the wall clock set forward', () => {
  it('ends nothing, neither before the shard has looked nor afterwards', () => {
    const { missedMs, look, set, pass } = rig();
    for (const jumpMs of [1_000, 60_000, 3_600_000, 86_400_000 * 365]) {
      set(jumpMs);
      expect(missedMs()).toBe(0);
      pass(200);
      expect(missedMs()).toBe(0);
      expect(look()).toBe(0);
      expect(missedMs()).toBe(0);
    }
  });

  it('is looked into once, not for each lease', () => {
    const { missedMs, set, time } = rig();
    set(60_000);
    missedMs();
    const before = time.bootReads;
    for (let n = 0; n < 100; n += 1) missedMs();
    expect(time.bootReads).toBe(before);
  });

  it('and back ends nothing either', () => {
    const { missedMs, look, set } = rig();
    set(-3_600_000);
    expect([missedMs(), look(), missedMs()]).toEqual([0, 0, 0]);
    set(3_600_000);
    expect([missedMs(), look(), missedMs()]).toEqual([0, 0, 0]);
  });
});

describe('a suspended machine', () => {
  it('counts as time that passed until the shard has seen it, and once', () => {
    const { missedMs, look, sleep, pass } = rig();
    sleep(60_000);
    expect(missedMs()).toBe(60_000);
    pass(300);
    expect(missedMs()).toBe(60_000);
    expect(look()).toBeGreaterThanOrEqual(60_000);
    expect(missedMs()).toBe(0);
  });

  it('is told apart from a clock that was set before it, after it and at the same moment', () => {
    const { missedMs, look, sleep, set } = rig();
    set(60_000);
    expect(missedMs()).toBe(0);
    sleep(30_000);
    expect(missedMs()).toBe(30_000);
    expect(look()).toBeGreaterThanOrEqual(30_000);
    set(-60_000);
    look();
    sleep(60_000); // the wall clock is where it was when it had been set
    expect(missedMs()).toBe(60_000);
  });

  it('is noticed by every jump where the system does not count suspensions', () => {
    const { missedMs, look, sleep } = rig(false);
    sleep(60_000);
    expect(missedMs()).toBe(60_000);
    expect(look()).toBe(60_000);
    expect(missedMs()).toBe(0);
  });

  it('is not forgotten when a crashed shard is replaced meanwhile', () => {
    const { missedMs, look, sleep, respawn } = rig();
    sleep(60_000);
    respawn();
    expect(missedMs()).toBe(60_000);
    expect(look()).toBeGreaterThanOrEqual(60_000);
  });
});

describe('the uptime of this system', () => {
  it('is read in one way by both sides, where it counts suspensions', () => {
    expect(systemClock.bootMs).toBe(bootMs);
    expect(bootMs()).toBeTypeOf(process.platform === 'linux' ? 'number' : 'undefined');
  });
});
