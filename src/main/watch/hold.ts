/**
 * Keeps what was on its way to a paused watch until it is resumed. Main thread. Bounded by the shard's credit. An end goes on
 * to the owner at once unless events are kept back that come before it.
 */
import type { EtcdError } from '../../wire/errors.js';
import { SliceQueue } from './slice-queue.js';
import type { SegmentSink, WatchEntry, WatchSlice } from './watch-entry.js';

export class Hold implements SegmentSink {
  readonly sorting: number[] = [];
  readonly #owner: SegmentSink;
  readonly #queue = new SliceQueue();
  #end: { readonly entry: WatchEntry; readonly error: EtcdError } | undefined;

  constructor(owner: SegmentSink) {
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  /** How the watch has ended while something before it was kept back. */
  get error(): EtcdError | undefined {
    return this.#end?.error;
  }

  deliver(slice: WatchSlice): void {
    const wanted = slice.wanted();
    if (wanted !== undefined) this.#queue.add(wanted);
  }

  watchEnded(entry: WatchEntry, error: EtcdError): void {
    if (!this.#queue.hasEvents) {
      // Progress tells nothing behind an end.
      this.#queue.clear();
      this.#owner.watchEnded(entry, error);
      return;
    }
    if (!entry.created) entry.ready.reject(error);
    this.#end = { entry, error };
  }

  firstRevisionOf(entry: WatchEntry): number | undefined {
    return this.#queue.firstRevisionOf(entry);
  }

  /** Hands everything on, in order. */
  release(): void {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      if (item.kind === 'slice') this.#owner.deliver(item.slice);
    }
    if (this.#end !== undefined) this.#owner.watchEnded(this.#end.entry, this.#end.error);
  }
}
