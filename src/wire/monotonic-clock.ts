/**
 * The one clock that main and shards share: milliseconds of the system's monotonic clock, comparable between threads of a
 * process (`performance.now()` alone is not: each thread counts from its own start). It stands still while the machine
 * is suspended. Used on both sides; does no I/O.
 */
import { hrtime } from 'node:process';
import { performanceNow } from './timers.js';

function hrtimeMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

// Both clocks tick alike, so one difference a thread suffices; performance.now() makes no garbage, hrtime() an array a call.
const startMs: number = hrtimeMs() - performanceNow();

/** Milliseconds since some moment in the past, the same for every thread of this process. Never goes back. */
export function monotonicMs(): number {
  return performanceNow() + startMs;
}
