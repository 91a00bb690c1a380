/** Seeded randomness for tests: the same seed gives the same run. Pure, apart from reading SEEDS and the date in {@link seeds}. */

const DEFAULT_SEEDS = 5;
const DAY_MS = 86_400_000;

/** A small, fast generator (32-bit state, Weyl sequence with a mixer). Not for secrets. */
export class Rng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2^32-1. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }

  /** 0 inclusive to 1 exclusive. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Both ends inclusive. */
  integer(lowest: number, highest: number): number {
    return lowest + Math.floor(this.fraction() * (highest - lowest + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from');
    // The index is within the array, which is not empty: the element is a T even where T includes undefined.
    return items[this.integer(0, items.length - 1)] as T;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, order: this.uint32() }));
    return keyed.sort((a, b) => a.order - b.order).map(({ item }) => item);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }
}

/**
 * The seeds of this run: SEEDS (`SEEDS=7,8`), else five that change each day. Printed, so that a failure can be repeated;
 * use them in the names of tests too.
 */
export function seeds(count: number = DEFAULT_SEEDS): number[] {
  const given = (process.env['SEEDS'] ?? '').split(',').filter((part) => part.trim() !== '');
  const firstOfDay = Math.floor(Date.now() / DAY_MS) * count;
  const chosen = given.length > 0 ? given.map(Number) : Array.from({ length: count }, (_, index) => firstOfDay + index);
  if (chosen.some((seed) => !Number.isInteger(seed))) throw new Error('SEEDS must be integers separated by commas');
  process.stderr.write(`seeds: SEEDS=${chosen.join(',')}\n`);
  return chosen;
}
