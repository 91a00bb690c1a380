/** The watches that wait for a stream, by what they wait for, in the order they came. */
import type { WatchEntry } from './watch-entry.js';
import type { WatchLaneName } from './watch-lanes.js';

/** `lagged`: on the catch-up lane, but only so many at a time. */
export type WaitingQueue = WatchLaneName | 'lagged';

export class WaitingWatches {
  readonly #queues: Readonly<Record<WaitingQueue, Set<WatchEntry>>> = {
    live: new Set(),
    'catch-up': new Set(),
    lagged: new Set(),
  };

  get size(): number {
    const { live, lagged } = this.#queues;
    return live.size + this.#queues['catch-up'].size + lagged.size;
  }

  of(queue: WaitingQueue): ReadonlySet<WatchEntry> {
    return this.#queues[queue];
  }

  /** All that wait for a stream of this lane. */
  ofLane(lane: WatchLaneName): WatchEntry[] {
    return lane === 'live' ? [...this.#queues.live] : [...this.#queues['catch-up'], ...this.#queues.lagged];
  }

  countOf(lane: WatchLaneName): number {
    return lane === 'live' ? this.#queues.live.size : this.#queues['catch-up'].size + this.#queues.lagged.size;
  }

  /** Lets a watch wait in this queue, and in no other. */
  add(entry: WatchEntry, queue: WaitingQueue): void {
    this.delete(entry);
    this.#queues[queue].add(entry);
  }

  delete(entry: WatchEntry): void {
    const { live, lagged } = this.#queues;
    if (!live.delete(entry) && !this.#queues['catch-up'].delete(entry)) lagged.delete(entry);
  }
}
