/** The watches that wait for a stream, by lane, in the order they came. */
import type { WatchEntry } from './watch-entry.js';

export class WaitingWatches {
  readonly #live = new Set<WatchEntry>();
  readonly #catchUp = new Set<WatchEntry>();

  get size(): number {
    return this.#live.size + this.#catchUp.size;
  }

  of(lane: 'live' | 'catch-up'): ReadonlySet<WatchEntry> {
    return lane === 'live' ? this.#live : this.#catchUp;
  }

  /** Lets a watch wait for this lane, and for no other. */
  add(entry: WatchEntry, lane: 'live' | 'catch-up'): void {
    (lane === 'live' ? this.#catchUp : this.#live).delete(entry);
    (lane === 'live' ? this.#live : this.#catchUp).add(entry);
  }

  delete(entry: WatchEntry): void {
    if (!this.#live.delete(entry)) this.#catchUp.delete(entry);
  }
}
