/**
 * How long to wait before the next attempt: exponential, with jitter so that many clients do not come back at once. Pure:
 * randomness is passed in.
 */

export interface BackoffPolicy {
  /** The first delay, before jitter takes from it. */
  readonly initialMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Growth from one attempt to the next. Default 2. */
  readonly factor?: number | undefined;
  /** Share of the delay that is random, 0 to 1: a delay d becomes d·(1 − jitter) … d. Default 0.5. */
  readonly jitter?: number | undefined;
}

/**
 * The delay before attempt `attempt + 1`.
 *
 * @param attempt how many attempts in a row have failed, from 1.
 * @param random a number from 0 (inclusive) to 1 (exclusive), as `Math.random` gives.
 */
export function backoffDelayMs(attempt: number, policy: BackoffPolicy, random: () => number): number {
  const { initialMs, maxMs, factor = 2, jitter = 0.5 } = policy;
  // The exponent is bounded, or thousands of failures would overflow to Infinity × 0.
  const grown = initialMs * factor ** Math.min(Math.max(attempt, 1) - 1, 64);
  const delayMs = Math.min(grown, maxMs);
  return delayMs * (1 - jitter * random());
}
