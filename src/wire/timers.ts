/**
 * The process's timers and clocks, taken once, when the package is loaded. A test of an application may put fake ones in their place
 * later (vitest, sinon), which turn only when told to: connections, renewals and time limits go on in real time, or a call
 * would never settle. Used on both sides, by name only: a lint rule refuses the globals.
 */
import * as timers from 'node:timers';

export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setInterval: typeof timers.setInterval = timers.setInterval;
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate;

/** As `performance.now()`: monotonic milliseconds, counted by each thread from its own start. */
export const performanceNow: () => number = performance.now.bind(performance);

/** As `Date.now()`. */
export const wallClockMs: () => number = Date.now;

/** Whether another `setImmediate` stands in for the real one, without which grpc-js makes no connection. */
export function hasFakeImmediate(): boolean {
  return globalThis.setImmediate !== setImmediate;
}
