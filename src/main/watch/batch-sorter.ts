/**
 * Sorts a batch whose segments have several owners: one slice for each. Main thread. While an owner reads its slice, which
 * may end anybody's watches, it knows what of the batch has not come to its owner yet.
 */
import type { EventBatchData } from '../../wire/event-batch.js';
import { BatchSlice } from './batch-slice.js';
import type { SegmentSink, WatchEntry, WatchSlice } from './watch-entry.js';

export class BatchSorter {
  /** Slices that wait for their owners; of several batches where an owner led back here. */
  readonly #waiting = new Set<Map<SegmentSink, WatchSlice>>();
  /** First revisions by watch of slices that were asked about. */
  readonly #firsts = new WeakMap<WatchSlice, Map<WatchEntry, number>>();

  /** Delivers to every owner in `entries`, which has one for each segment. */
  deliver(data: EventBatchData, starts: Uint32Array, entries: readonly (WatchEntry | undefined)[]): void {
    const slices = new Map<SegmentSink, WatchSlice>();
    const sinks: SegmentSink[] = [];
    for (let segment = 0; segment < entries.length; segment += 1) {
      const sink = entries[segment]?.sink;
      if (sink === undefined) continue;
      if (sink.sorting.length === 0) sinks.push(sink);
      sink.sorting.push(segment);
    }
    // Taken from all sinks before any is called: what is called may throw or lead back here.
    for (const sink of sinks) slices.set(sink, new BatchSlice(data, starts, entries, sink.sorting.splice(0)));
    this.#waiting.add(slices);
    try {
      for (const [sink, slice] of slices) {
        slices.delete(sink);
        sink.deliver(slice);
      }
    } finally {
      this.#waiting.delete(slices);
    }
  }

  /** The first revision of a watch that waits here for `sink`; undefined when none does. */
  firstWaiting(entry: WatchEntry, sink: SegmentSink): number | undefined {
    for (const slices of this.#waiting) {
      const slice = slices.get(sink);
      const revision = slice === undefined ? undefined : this.#firstsOf(slice).get(entry);
      if (revision !== undefined) return revision;
    }
    return undefined;
  }

  /** Made once: who closes a group of thousands asks for each of them. */
  #firstsOf(slice: WatchSlice): Map<WatchEntry, number> {
    const known = this.#firsts.get(slice);
    if (known !== undefined) return known;
    const firsts = slice.firstRevisions();
    this.#firsts.set(slice, firsts);
    return firsts;
  }
}
