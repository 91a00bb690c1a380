/** The real clocks and timers of a shard's lease engine. */
import { readFileSync } from 'node:fs';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import type { LeaseClock, LeaseTimers } from './engine-parts.js';

export const systemClock: LeaseClock = {
  monotonicMs,
  wallMs: Date.now,
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

export const systemTimers: LeaseTimers = {
  set: (callback, delayMs) => setTimeout(callback, delayMs),
  clear: (timer) => {
    clearTimeout(timer);
  },
};
