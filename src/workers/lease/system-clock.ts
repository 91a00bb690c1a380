/** The real clocks of a shard's lease engine. */
import { BOOT_STEP_MS, bootMs } from '../../wire/boot-clock.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import { wallClockMs } from '../../wire/timers.js';
import type { LeaseClock } from './engine-parts.js';

export const systemClock: LeaseClock = {
  monotonicMs,
  wallMs: wallClockMs,
  bootMs,
  bootStepMs: BOOT_STEP_MS,
};
