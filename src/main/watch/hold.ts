/** Keeps what was on its way to a paused watch until it is resumed. Main thread. Bounded by the shard's credit. */
import type { EtcdError } from '../../wire/errors.js';
import type { SegmentSink, WatchEntry, WatchSlice } from './watch-entry.js';

export class Hold implements SegmentSink {
  readonly sorting: number[] = [];
  readonly #slices: WatchSlice[] = [];
  #bytes = 0;
  #end: { readonly entry: WatchEntry; readonly error: EtcdError } | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  deliver(slice: WatchSlice): void {
    const kept = slice.wanted()?.toKeep();
    if (kept === undefined) return;
    this.#slices.push(kept.slice);
    this.#bytes += kept.bytes;
  }

  watchEnded(entry: WatchEntry, error: EtcdError): void {
    if (!entry.created) entry.ready.reject(error);
    this.#end = { entry, error };
  }

  firstRevisionOf(entry: WatchEntry): number | undefined {
    for (const slice of this.#slices) {
      const revision = slice.firstRevisionOf(entry);
      if (revision !== undefined) return revision;
    }
    return undefined;
  }

  /** Hands everything on, in order. */
  release(sink: SegmentSink): void {
    for (const slice of this.#slices) sink.deliver(slice);
    if (this.#end !== undefined) sink.watchEnded(this.#end.entry, this.#end.error);
  }
}
