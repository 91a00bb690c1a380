/** Latencies in buckets that grow by 2 %: any number of them in little memory. Pure. */

const BUCKETS_PER_DOUBLING = 32;
const BUCKETS = 40 * BUCKETS_PER_DOUBLING;

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxUs = 0;

  /** Microseconds; below one counts as one. */
  add(latencyUs: number): void {
    const value = Math.max(1, latencyUs);
    const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log2(value) * BUCKETS_PER_DOUBLING));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    if (value > this.#maxUs) this.#maxUs = value;
  }

  /** In milliseconds; undefined while there is none. */
  percentileMs(fraction: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = Math.max(1, Math.ceil(this.#count * fraction));
    let passed = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      passed += count;
      // The middle of the bucket, but never more than what was measured.
      if (passed >= rank) return Math.min(this.#maxUs, 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING)) / 1_000;
    }
    return this.#maxUs / 1_000;
  }

  get maxMs(): number {
    return this.#maxUs / 1_000;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }
}
