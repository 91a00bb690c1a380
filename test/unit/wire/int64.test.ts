import { describe, expect, it } from 'vitest';
import { INT64_MAX, INT64_MIN, bigintFromLong, longFromBigint, requireInt64 } from '../../../src/wire/int64.js';

describe('int64', () => {
  it.each([0n, 1n, -1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, -(2n ** 32n), 2n ** 53n + 1n, INT64_MAX, INT64_MIN])(
    '%s survives the way to Long and back',
    (value) => {
      expect(bigintFromLong(longFromBigint(value))).toBe(value);
    },
  );

  it('unsigned values above 2^63 survive, as member ids are', () => {
    expect(bigintFromLong(longFromBigint(2n ** 64n - 2n, true))).toBe(2n ** 64n - 2n);
  });

  it('an absent field is 0n and a number is itself', () => {
    expect(bigintFromLong(undefined)).toBe(0n);
    expect(bigintFromLong(null)).toBe(0n);
    expect(bigintFromLong(7)).toBe(7n);
  });

  it('refuses what does not fit, naming the option and its range', () => {
    expect(requireInt64(5n, 'limit', 0n)).toBe(5n);
    expect(() => requireInt64(-1n, 'limit', 0n)).toThrow(/^limit must be a bigint from 0n to 9223372036854775807n/u);
    expect(() => requireInt64(2n ** 63n, 'limit')).toThrow(/out of range/u);
    expect(() => requireInt64(5, 'limit')).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
