import { describe, expect, it } from 'vitest';
import { pingIntervalMs, tooManyPings } from '../../../src/grpc/ping-pace.js';

describe('the interval of PINGs', () => {
  it('is what was asked for until a member objects', () => {
    expect(pingIntervalMs('http://a', 30_000)).toBe(30_000);
  });

  it('doubles each time that a member objects, up to an hour, for that member alone', () => {
    let intervalMs = 30_000;
    const seen: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      tooManyPings('http://b', intervalMs);
      intervalMs = pingIntervalMs('http://b', 30_000);
      seen.push(intervalMs);
    }
    expect(seen.slice(0, 3)).toEqual([60_000, 120_000, 240_000]);
    expect(seen.slice(-2)).toEqual([3_600_000, 3_600_000]);
    expect(pingIntervalMs('http://c', 30_000)).toBe(30_000);
  });

  it('never becomes shorter than what is asked for, however long that is', () => {
    tooManyPings('http://d', 2 ** 31 - 1);
    expect(pingIntervalMs('http://d', 2 ** 31 - 1)).toBe(2 ** 31 - 1);
    tooManyPings('http://e', 5_000);
    expect(pingIntervalMs('http://e', 60_000)).toBe(60_000);
  });
});
