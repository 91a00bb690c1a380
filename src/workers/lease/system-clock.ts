/** The real clocks of a shard's lease engine. */
import { readFileSync } from 'node:fs';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import { wallClockMs } from '../../wire/timers.js';
import type { LeaseClock } from './engine-parts.js';

export const systemClock: LeaseClock = {
  monotonicMs,
  wallMs: wallClockMs,
  /** Linux only; read when the wall clock jumped, so hardly ever. */
  bootMs: () => {
    try {
      const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
      return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
    } catch {
      return undefined;
    }
  },
};
