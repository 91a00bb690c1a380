/**
 * The time since the machine started, which goes on while it is suspended, unlike the monotonic clock (monotonic-clock.ts), and
 * is not set, unlike the wall clock. Used on both sides.
 */
import { uptime } from 'node:os';

/** Milliseconds, in steps of 10; `undefined` where the system's answer depends on the wall clock or has whole seconds only. */
export function bootMs(): number | undefined {
  return process.platform === 'linux' ? uptime() * 1_000 : undefined;
}
