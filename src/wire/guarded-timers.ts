/**
 * Timers of which no callback throws. A shard, what connects it and what it is made of set no others (a lint rule sees to it), so that
 * an exception in a callback always ends the shard, which is then started again. Inline it would be the application's.
 */
import { clearImmediate, clearTimeout, setImmediate, setInterval, setTimeout } from './timers.js';

/** Makes of a callback one that does not throw. */
export type Guard = (callback: () => void) => () => void;

export interface GuardedTimers {
  readonly setTimeout: (callback: () => void, delayMs: number) => NodeJS.Timeout;
  readonly setInterval: (callback: () => void, periodMs: number) => NodeJS.Timeout;
  readonly setImmediate: (callback: () => void) => NodeJS.Immediate;
  readonly queueMicrotask: (callback: () => void) => void;
  readonly nextTick: (callback: () => void) => void;
  /** Of a time-out or an interval. */
  readonly clear: (timer: NodeJS.Timeout | undefined) => void;
  readonly clearImmediate: (immediate: NodeJS.Immediate | undefined) => void;
}

export function guardedTimers(guard: Guard): GuardedTimers {
  return {
    setTimeout: (callback, delayMs) => setTimeout(guard(callback), delayMs),
    setInterval: (callback, periodMs) => setInterval(guard(callback), periodMs),
    setImmediate: (callback) => setImmediate(guard(callback)),
    queueMicrotask: (callback) => {
      queueMicrotask(guard(callback));
    },
    nextTick: (callback) => {
      process.nextTick(guard(callback));
    },
    clear: clearTimeout,
    clearImmediate,
  };
}
