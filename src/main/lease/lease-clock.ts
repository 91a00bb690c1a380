/**
 * The moment to compare a shared deadline with, as the main thread sees it: right also in the first line that runs after a
 * block or after the machine was suspended, before any shard had a chance to say so. Keeps the heartbeat. Main thread.
 */
import type { LeaseState } from '../../wire/lease-state.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import { clearInterval, setInterval, wallClockMs } from '../../wire/timers.js';

/** Smaller jumps of the wall clock are corrections. */
const SUSPENSION_MS = 1_000;

export class LeaseClock {
  readonly #states: readonly LeaseState[];
  readonly #livenessMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(states: readonly LeaseState[], livenessMs: number) {
    this.#states = states;
    this.#livenessMs = livenessMs;
    if (livenessMs === 0) return;
    this.#timer = setInterval(this.#beat, Math.max(20, livenessMs / 8));
    this.#timer.unref();
  }

  /** Whether this thread has hung longer than it may. Found here, it is told to the shards, so that both agree. */
  hasHung(): boolean {
    if (this.#livenessMs === 0) return false;
    const nowMs = monotonicMs();
    const hung = this.#states.some((state) => state.hasHung(nowMs));
    if (hung) this.#halt(nowMs);
    return hung;
  }

  /** The monotonic time, plus what it missed while the machine slept. */
  nowMs(state: LeaseState): number {
    const nowMs = monotonicMs();
    const wallAheadMs = state.wallAheadMs;
    if (wallAheadMs === 0) return nowMs;
    const missedMs = wallClockMs() - nowMs - wallAheadMs;
    return missedMs >= SUSPENSION_MS ? nowMs + missedMs : nowMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #beat = (): void => {
    if (!this.hasHung()) for (const state of this.#states) state.heartbeatMs = monotonicMs();
  };

  /** The leases that were held until now are given up; those granted from now on start anew. */
  #halt(nowMs: number): void {
    for (const state of this.#states) {
      state.requestHalt();
      state.heartbeatMs = nowMs;
    }
  }
}
