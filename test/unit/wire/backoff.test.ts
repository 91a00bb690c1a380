import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from '../../../src/wire/backoff.js';

describe('backoffDelayMs', () => {
  const policy = { initialMs: 10, maxMs: 100 };

  it('doubles with each failure up to the limit', () => {
    expect([1, 2, 3, 4, 5, 6, 100_000].map((attempt) => backoffDelayMs(attempt, policy, () => 0))).toEqual([
      10, 20, 40, 80, 100, 100, 100,
    ]);
  });

  it('jitter only shortens, by at most its share', () => {
    expect(backoffDelayMs(1, policy, () => 1)).toBe(5);
    expect(backoffDelayMs(1, { ...policy, jitter: 0 }, () => 1)).toBe(10);
  });
});
