/** Leases on both sides of the port against a model of etcd's lessor, seeded, on simulated time. SEEDS=1,2,3 repeats a run. */
import type * as crypto from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { seeds } from '../../support/rng.js';
import { ModelRun } from './model-run.js';
import { SimulatedTime } from './simulated-time.js';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 20);
const STEPS = 150;

// The package takes its timers and clocks when it is loaded: here it gets those of now, which a run replaces by its own. Its
// monotonic clock starts where the simulated time does, ids are drawn from the run's own randomness, and the machine's uptime is
// its uptime.
vi.mock('../../../src/wire/timers.js', () => ({
  setTimeout: (callback: () => void, delayMs: number) => globalThis.setTimeout(callback, delayMs),
  clearTimeout: (timer: NodeJS.Timeout | undefined) => globalThis.clearTimeout(timer),
  setInterval: (callback: () => void, periodMs: number) => globalThis.setInterval(callback, periodMs),
  clearInterval: (timer: NodeJS.Timeout | undefined) => globalThis.clearInterval(timer),
  setImmediate: (callback: () => void) => globalThis.setImmediate(callback),
  clearImmediate: (timer: NodeJS.Immediate | undefined) => globalThis.clearImmediate(timer),
  performanceNow: () => performance.now(),
  wallClockMs: () => Date.now(),
  hasFakeImmediate: () => false,
}));
vi.mock('../../../src/wire/monotonic-clock.js', () => ({ monotonicMs: () => performance.now() }));
vi.mock('node:crypto', async (importOriginal) => ({
  ...(await importOriginal<typeof crypto>()),
  randomFillSync: (into: BigInt64Array) => {
    const words = new Uint32Array(into.buffer, into.byteOffset, into.byteLength / 4);
    for (let i = 0; i < words.length; i += 1) words[i] = Math.floor(Math.random() * 2 ** 32);
    return into;
  },
}));
vi.mock('../../../src/wire/boot-clock.js', () => ({
  BOOT_STEP_MS: 10,
  bootMs: () => SimulatedTime.current?.bootMs,
}));

describe('leases, granted, kept, revoked and lost at random', () => {
  it.each(seeds(RUNS))('agree with what etcd knows at every step: seed %i', async (seed) => {
    const { leases, answers } = await new ModelRun(seed).run(STEPS);
    expect(leases).toBeGreaterThan(0);
    expect(answers).toBeGreaterThan(0);
  });
});
