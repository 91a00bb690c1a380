/**
 * When the next thing is due for each lease: a hashed timer wheel over slots, in typed arrays. One entry a slot; setting
 * and clearing cost the same for one lease and for a hundred thousand. Pure: the clock is passed in, nothing is called back.
 */

const NONE = -1;

export class LeaseSchedule {
  /** Slots found due by the last {@link advance}; only the first `dueCount` count. Overwritten by the next call. */
  due: Uint32Array = new Uint32Array(64);
  dueCount = 0;
  readonly #resolutionMs: number;
  readonly #mask: number;
  readonly #head: Int32Array;
  #next: Int32Array = new Int32Array(0);
  #previous: Int32Array = new Int32Array(0);
  #bucket: Int32Array = new Int32Array(0);
  #dueMs: Float64Array = new Float64Array(0);
  /** The last turn of the wheel (time / resolution) that was looked at. */
  #turn: number;
  #size = 0;

  /**
   * @param resolutionMs width of a bucket: an entry is never found due early, and late only by the caller's own pauses.
   * @param buckets a power of two; entries further away than one round stay in their bucket for another.
   */
  constructor(nowMs: number, resolutionMs: number = 50, buckets: number = 1024) {
    if ((buckets & (buckets - 1)) !== 0) throw new RangeError('buckets must be a power of two');
    this.#resolutionMs = resolutionMs;
    this.#mask = buckets - 1;
    this.#head = new Int32Array(buckets).fill(NONE);
    this.#turn = this.#turnOf(nowMs);
  }

  /** Entries waiting. */
  get size(): number {
    return this.#size;
  }

  /** Sets or moves the entry of a slot. A time in the past is due at the next {@link advance}. */
  set(slot: number, dueMs: number): void {
    this.clear(slot);
    this.#reserve(slot);
    const bucket = Math.max(this.#turnOf(dueMs), this.#turn) & this.#mask;
    const first = this.#head[bucket] ?? NONE;
    this.#dueMs[slot] = dueMs;
    this.#bucket[slot] = bucket;
    this.#next[slot] = first;
    this.#previous[slot] = NONE;
    if (first !== NONE) this.#previous[first] = slot;
    this.#head[bucket] = slot;
    this.#size += 1;
  }

  /** Whether the slot has an entry that waits. */
  has(slot: number): boolean {
    return (this.#bucket[slot] ?? NONE) !== NONE;
  }

  /** Makes the entry of a slot due so much earlier, if it has one. */
  bringForward(slot: number, ms: number): void {
    if (this.has(slot)) this.set(slot, (this.#dueMs[slot] ?? 0) - ms);
  }

  /** Removes the entry of a slot, if it has one. */
  clear(slot: number): void {
    const bucket = this.#bucket[slot] ?? NONE;
    if (bucket === NONE) return;
    const next = this.#next[slot] ?? NONE;
    const previous = this.#previous[slot] ?? NONE;
    if (previous === NONE) this.#head[bucket] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#bucket[slot] = NONE;
    this.#size -= 1;
  }

  /** Takes every entry that is due at `nowMs` out of the wheel, into {@link due}; tells how many. */
  advance(nowMs: number): number {
    this.dueCount = 0;
    const last = this.#turnOf(nowMs);
    if (last < this.#turn) return 0;
    const first = Math.max(this.#turn, last - this.#mask);
    for (let turn = first; turn <= last; turn += 1) {
      let slot = this.#head[turn & this.#mask] ?? NONE;
      while (slot !== NONE) {
        const next = this.#next[slot] ?? NONE;
        if ((this.#dueMs[slot] ?? 0) <= nowMs) {
          this.clear(slot);
          this.#push(slot);
        }
        slot = next;
      }
    }
    this.#turn = last;
    return this.dueCount;
  }

  #turnOf(timeMs: number): number {
    return Math.floor(timeMs / this.#resolutionMs);
  }

  #push(slot: number): void {
    if (this.dueCount === this.due.length) {
      const larger = new Uint32Array(2 * this.due.length);
      larger.set(this.due);
      this.due = larger;
    }
    this.due[this.dueCount] = slot;
    this.dueCount += 1;
  }

  #reserve(slot: number): void {
    const length = this.#bucket.length;
    if (slot < length) return;
    const grown = Math.max(64, 2 * length, slot + 1);
    const copy = (column: Int32Array, fill: number): Int32Array => {
      const larger = new Int32Array(grown).fill(fill, length);
      larger.set(column);
      return larger;
    };
    this.#next = copy(this.#next, NONE);
    this.#previous = copy(this.#previous, NONE);
    this.#bucket = copy(this.#bucket, NONE);
    const dueMs = new Float64Array(grown);
    dueMs.set(this.#dueMs);
    this.#dueMs = dueMs;
  }
}

/** The interval at which a lease is renewed. An interval that would let the lease run out is shortened. */
export function renewalIntervalMs(ttlSeconds: number, intervalMs: number): number {
  const ttlMs = ttlSeconds * 1_000;
  return intervalMs === 0 ? ttlMs / 3 : Math.min(intervalMs, (ttlMs * 2) / 3);
}

/** How long a renewal may stay unanswered before it is tried again elsewhere. */
export function retryAfterMs(ttlSeconds: number): number {
  return Math.max(1_000, (ttlSeconds * 1_000) / 6);
}

/**
 * The next renewal after one sent at `sentMs`: a little early by chance, so that leases granted together drift apart.
 *
 * @param random 0 (inclusive) to 1 (exclusive).
 * @param isFirst the first renewal after a grant is spread wider, or a bulk grant would come back as a bulk renewal.
 */
export function nextRenewalMs(sentMs: number, intervalMs: number, isFirst: boolean, random: number): number {
  return sentMs + intervalMs * (1 - (isFirst ? 0.5 : 0.1) * random);
}

/** How often to look at the wheel: leases that leave more time are renewed in larger batches, fewer wake-ups. */
export function tickMsFor(shortestIntervalMs: number, livenessMs: number): number {
  const tickMs = Math.min(1_000, Math.max(50, shortestIntervalMs / 10));
  return livenessMs > 0 ? Math.min(tickMs, Math.max(25, livenessMs / 8)) : tickMs;
}

/** Fewer leases than this are renewed at once after a reconnect. */
const NO_STORM = 256;

/**
 * When to renew leases that all wait at once (after a reconnect): the most urgent first, the others spread over half the
 * time that their deadlines leave, and over one interval at most.
 *
 * @param deadlinesMs ascending.
 * @param intervalsMs of the same leases.
 * @param out receives the times; none is before `nowMs` or after the middle between now and the deadline.
 */
export function spreadRenewals(
  nowMs: number,
  deadlinesMs: ArrayLike<number>,
  intervalsMs: ArrayLike<number>,
  out: Float64Array,
): void {
  const count = deadlinesMs.length;
  for (let i = 0; i < count; i += 1) {
    const slackMs = Math.max(0, (deadlinesMs[i] ?? 0) - nowMs);
    const share = count <= NO_STORM ? 0 : i / count;
    out[i] = nowMs + share * Math.min(slackMs / 2, intervalsMs[i] ?? 0);
  }
}
