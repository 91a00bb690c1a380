/**
 * The time that the embedded server lives by: lease expiry, token expiry, progress intervals. The system's clock, or one
 * that a test turns by hand. Server thread; the manual clock is pure.
 */
import { monotonicMs } from '../wire/monotonic-clock.js';

/** Time and timers. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  nowMs(): number;
  /** Runs `run` once, no sooner than `delayMs` from now; gives what cancels it. Never keeps the process alive. */
  setTimer(delayMs: number, run: () => void): () => void;
}

// Node fires a timer of a longer delay at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  nowMs: monotonicMs,
  setTimer: (delayMs, run) => {
    const dueMs = monotonicMs() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = dueMs - monotonicMs();
      timer = setTimeout(leftMs > LONGEST_DELAY_MS ? arm : run, Math.min(Math.max(leftMs, 0), LONGEST_DELAY_MS));
      timer.unref();
    };
    arm();
    return () => {
      clearTimeout(timer);
    };
  },
};

interface ManualTimer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock that stands still until {@link advance}. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<ManualTimer>();

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer: ManualTimer = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves the time on. What falls due runs in order of its time, each at its own moment, before this returns. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#first(untilMs); next !== undefined; next = this.#first(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.run();
    }
    this.#nowMs = untilMs;
  }

  /** The timer due first, of those due until then; of two at the same time, the one set first. */
  #first(untilMs: number): ManualTimer | undefined {
    let first: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  }
}
