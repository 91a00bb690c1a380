/** Timers for parts of a shard under test: the globals of the moment of each call, so that fake ones can stand in for them. */
import type { GuardedTimers } from '../../src/wire/guarded-timers.js';
import type { OpenConnection, Transport } from '../../src/grpc/grpc-connection.js';

export const globalTimers: GuardedTimers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  setInterval: (callback, periodMs) => setInterval(callback, periodMs),
  setImmediate: (callback) => setImmediate(callback),
  queueMicrotask: (callback) => queueMicrotask(callback),
  nextTick: (callback) => process.nextTick(callback),
  clear: (timer) => clearTimeout(timer),
  clearImmediate: (immediate) => clearImmediate(immediate),
};

/** A transport as a shard has it. */
export function opened(transport: Transport): OpenConnection {
  return (endpoint, settings, handlers) => transport(endpoint, settings, handlers, globalTimers);
}
