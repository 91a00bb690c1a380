/**
 * The moment to compare a shared deadline with, as the main thread sees it: right also in the first line that runs after a
 * block or after the machine was suspended, before any shard had a chance to say so. Keeps the heartbeat. Main thread.
 */
import type { LeaseState } from '../../wire/lease-state.js';
import { bootMs } from '../../wire/boot-clock.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import { clearInterval, setInterval, wallClockMs } from '../../wire/timers.js';

/** Smaller jumps of the wall clock are corrections. */
const SUSPENSION_MS = 1_000;

/** What is read of the system; tests give their own. */
export interface SystemClocks {
  monotonicMs(): number;
  wallMs(): number;
  /** Time since the machine started, suspensions included; `undefined` where the system does not tell. */
  bootMs(): number | undefined;
}

const SYSTEM_CLOCKS: SystemClocks = { monotonicMs, wallMs: wallClockMs, bootMs };

/** What was found of a jump of the wall clock. */
interface Examined {
  /** What the shard had seen by then. */
  readonly baseMs: number;
  readonly wallAheadMs: number;
  readonly sleptMs: number;
}

export class LeaseClock {
  readonly #states: readonly LeaseState[];
  readonly #livenessMs: number;
  readonly #clocks: SystemClocks;
  /** Jumps that the shard of a state has not seen yet, so that they are looked into once. */
  readonly #examined = new Map<LeaseState, Examined>();
  #timer: NodeJS.Timeout | undefined;

  constructor(states: readonly LeaseState[], livenessMs: number, clocks: SystemClocks = SYSTEM_CLOCKS) {
    this.#states = states;
    this.#clocks = clocks;
    this.#livenessMs = livenessMs;
    if (livenessMs === 0) return;
    this.#timer = setInterval(this.#beat, Math.max(20, livenessMs / 8));
    this.#timer.unref();
  }

  /** Whether this thread has hung longer than it may. Found here, it is told to the shards, so that both agree. */
  hasHung(): boolean {
    if (this.#livenessMs === 0) return false;
    const nowMs = this.#clocks.monotonicMs();
    const hung = this.#states.some((state) => state.hasHung(nowMs));
    if (hung) this.#halt(nowMs);
    return hung;
  }

  /** The monotonic time, plus what it missed while the machine slept, as far as the shard has not taken that into account. */
  nowMs(state: LeaseState): number {
    const nowMs = this.#clocks.monotonicMs();
    if (state.wallAheadMs === 0) return nowMs;
    const wallAheadMs = this.#clocks.wallMs() - nowMs;
    const jumpMs = wallAheadMs - state.wallAheadMs;
    return jumpMs < SUSPENSION_MS ? nowMs : nowMs + this.#sleptMs(state, nowMs, wallAheadMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The wall clock may as well have been set: the shard will ask the system's uptime, so this does too. */
  #sleptMs(state: LeaseState, nowMs: number, wallAheadMs: number): number {
    const jumpMs = wallAheadMs - state.wallAheadMs;
    const before = state.bootAheadMs;
    // Without the uptime every jump counts. A state that no shard has looked at has none.
    if (before === 0 || Number.isNaN(before)) return jumpMs;
    const last = this.#examined.get(state);
    const isKnown = last?.baseMs === state.wallAheadMs && Math.abs(wallAheadMs - last.wallAheadMs) < SUSPENSION_MS / 2;
    if (isKnown) return last.sleptMs;
    const uptimeMs = this.#clocks.bootMs();
    if (uptimeMs === undefined) return jumpMs;
    const missedMs = uptimeMs - nowMs - before;
    const sleptMs = missedMs >= SUSPENSION_MS / 2 ? missedMs : 0;
    this.#examined.set(state, { baseMs: state.wallAheadMs, wallAheadMs, sleptMs });
    return sleptMs;
  }

  readonly #beat = (): void => {
    if (!this.hasHung()) for (const state of this.#states) state.heartbeatMs = this.#clocks.monotonicMs();
  };

  /** The leases that were held until now are given up; those granted from now on start anew. */
  #halt(nowMs: number): void {
    for (const state of this.#states) {
      state.markHalted();
      state.requestHalt();
      state.heartbeatMs = nowMs;
    }
  }
}
