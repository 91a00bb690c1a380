/**
 * The time since the machine started, which goes on while it is suspended, unlike the monotonic clock (monotonic-clock.ts), and
 * is not set, unlike the wall clock. Used on both sides.
 */
import { uptime } from 'node:os';

/** The steps of {@link bootMs}: two readings may be wrong by one of them. */
export const BOOT_STEP_MS = 10;

/** Milliseconds, in steps of {@link BOOT_STEP_MS}; `undefined` where the system's answer depends on the wall clock or has whole seconds only. */
export function bootMs(): number | undefined {
  return process.platform === 'linux' ? uptime() * 1_000 : undefined;
}
