import { globalTimers } from '../../support/global-timers.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PingLiveness } from '../../../src/grpc/ping-liveness.js';

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;

describe('PingLiveness', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watch(): {
    liveness: PingLiveness;
    pings: ((acknowledged: boolean) => void)[];
    port: { bytes: number; silent: number };
  } {
    const pings: ((acknowledged: boolean) => void)[] = [];
    const port = { bytes: 0, silent: 0 };
    const liveness = new PingLiveness(
      {
        ping: (answered) => void pings.push(answered),
        bytesReceived: () => port.bytes,
        onSilent: () => void (port.silent += 1),
      },
      INTERVAL_MS,
      TIMEOUT_MS,
      globalTimers,
    );
    return { liveness, pings, port };
  }

  it('sends the first PING one interval after the start, and the next one interval after its answer', () => {
    const { liveness, pings, port } = watch();
    liveness.start();
    vi.advanceTimersByTime(INTERVAL_MS - 1);
    expect(pings).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(pings).toHaveLength(1);
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    pings[0]?.(true);
    vi.advanceTimersByTime(INTERVAL_MS - 1);
    expect(pings).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(pings).toHaveLength(2);
    expect(port.silent).toBe(0);
  });

  it('takes the peer for dead when no answer comes in time', () => {
    const { liveness, port } = watch();
    liveness.start();
    vi.advanceTimersByTime(INTERVAL_MS + TIMEOUT_MS - 1);
    expect(port.silent).toBe(0);
    vi.advanceTimersByTime(2);
    expect(port.silent).toBe(1);
  });

  it('waits longer while other bytes come, but not for ever', () => {
    const { liveness, port } = watch();
    liveness.start();
    vi.advanceTimersByTime(INTERVAL_MS);
    for (let period = 0; period < 2; period += 1) {
      port.bytes += 1;
      vi.advanceTimersByTime(TIMEOUT_MS + 1);
      expect(port.silent).toBe(0);
    }
    port.bytes += 1;
    vi.advanceTimersByTime(TIMEOUT_MS + 1);
    expect(port.silent).toBe(1);
  });

  it('sends nothing and tells nothing after stop(), not even when an old answer comes', () => {
    const { liveness, pings, port } = watch();
    liveness.start();
    vi.advanceTimersByTime(INTERVAL_MS);
    liveness.stop();
    pings[0]?.(true);
    vi.advanceTimersByTime(10 * INTERVAL_MS);
    expect(pings).toHaveLength(1);
    expect(port.silent).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
