/**
 * Watch number to entry. Main thread. Numbers are drawn one after another and never used again; entries stand in pages
 * that are freed when their last one goes, so that lookups stay array reads and memory follows the watches that live.
 */
import type { WatchNumber } from '../../wire/contract.js';
import type { WatchEntry } from './watch-entry.js';

const PAGE_BITS = 10;
const PAGE_SIZE = 1 << PAGE_BITS;

interface Page {
  readonly entries: (WatchEntry | undefined)[];
  count: number;
}

export class WatchTable {
  readonly #pages: (Page | undefined)[] = [];
  #last = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The next number; 1 for the first. */
  draw(): WatchNumber {
    this.#last += 1;
    return this.#last;
  }

  get(watch: WatchNumber): WatchEntry | undefined {
    return this.#pages[watch >>> PAGE_BITS]?.entries[watch & (PAGE_SIZE - 1)];
  }

  add(entry: WatchEntry): void {
    const index = entry.watch >>> PAGE_BITS;
    while (this.#pages.length <= index) this.#pages.push(undefined);
    const page = (this.#pages[index] ??= { entries: Array<undefined>(PAGE_SIZE).fill(undefined), count: 0 });
    page.entries[entry.watch & (PAGE_SIZE - 1)] = entry;
    page.count += 1;
    this.#size += 1;
  }

  /** False when it was not there. */
  delete(watch: WatchNumber): boolean {
    const page = this.#pages[watch >>> PAGE_BITS];
    const slot = watch & (PAGE_SIZE - 1);
    if (page?.entries[slot] === undefined) return false;
    page.entries[slot] = undefined;
    page.count -= 1;
    this.#size -= 1;
    if (page.count === 0) this.#pages[watch >>> PAGE_BITS] = undefined;
    return true;
  }

  /** Ascending by number. Entries may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<WatchEntry> {
    for (const page of this.#pages) {
      if (page === undefined) continue;
      for (const entry of page.entries) if (entry !== undefined) yield entry;
    }
  }
}
