/**
 * Notices that this process should no longer trust its leases: the main thread hung longer than `livenessMs`, or the
 * machine was suspended, which the monotonic clock does not count but etcd does. Pure apart from the shared state it
 * reads and writes; the clock is passed in.
 */
import type { LeaseState } from '../../wire/lease-state.js';
import type { LeaseClock } from './engine-parts.js';

/** What was found since the last look. */
export interface HaltVerdict {
  readonly hung: boolean;
  /** Time that passed without the monotonic clock counting it; 0 for none. */
  readonly suspendedMs: number;
}

/** The wall clock is slewed and set in small steps all the time; those are not suspensions. */
const SUSPENSION_MS = 1_000;

export class HaltWatch {
  /** All that the monotonic clock has missed so far. Added to it, it gives a time that passes as it does on the servers. */
  sleptMs = 0;
  readonly #state: LeaseState;
  readonly #clock: LeaseClock;
  #halts: number;

  constructor(state: LeaseState, clock: LeaseClock) {
    this.#state = state;
    this.#clock = clock;
    this.#halts = state.halts;
    // What the shard before this one saw stands: the machine may have slept since, and its leases are taken over.
    if (state.wallAheadMs !== 0) return;
    const nowMs = clock.monotonicMs();
    state.wallAheadMs = clock.wallMs() - nowMs;
    state.bootAheadMs = this.#bootAhead(nowMs);
  }

  look(nowMs: number): HaltVerdict {
    const halts = this.#state.halts;
    const hung = halts !== this.#halts || this.#state.hasHung(nowMs);
    this.#halts = halts;
    const suspendedMs = this.#suspendedMs(nowMs);
    this.sleptMs += suspendedMs;
    return { hung, suspendedMs };
  }

  #suspendedMs(nowMs: number): number {
    const wallAheadMs = this.#clock.wallMs() - nowMs;
    const jumpMs = wallAheadMs - this.#state.wallAheadMs;
    this.#state.wallAheadMs = wallAheadMs;
    if (jumpMs < SUSPENSION_MS) return 0;
    // The wall clock may as well have been set. Where the system counts suspensions, it knows.
    const before = this.#state.bootAheadMs;
    const bootAheadMs = this.#bootAhead(nowMs);
    this.#state.bootAheadMs = bootAheadMs;
    if (Number.isNaN(before) || Number.isNaN(bootAheadMs)) return jumpMs;
    const sleptMs = bootAheadMs - before;
    // Rather a little too much than too little: a deadline must not lie behind the server's.
    return sleptMs >= SUSPENSION_MS / 2 ? sleptMs + (this.#clock.bootStepMs ?? 0) : 0;
  }

  /** NaN where the system does not tell. */
  #bootAhead(nowMs: number): number {
    const bootMs = this.#clock.bootMs?.();
    return bootMs === undefined ? NaN : bootMs - nowMs;
  }
}
