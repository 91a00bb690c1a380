/** What a single watch delivers at a time. Main thread; pure views. */
import type { WatchSlice } from './watch-entry.js';
import { EventSpan } from './event-span.js';
import type { WatchEvent } from './watch-event.js';

/** Events of one watch that arrived together: whole revisions, in order. */
export class WatchBatch implements Iterable<WatchEvent> {
  readonly #spans: readonly EventSpan[];
  /** How many events; 0 for progress. */
  readonly length: number;
  /** The watch has come this far: everything up to and including it has been delivered with this batch. */
  readonly revision: bigint;

  /** @internal */
  constructor(spans: readonly EventSpan[], revision: bigint) {
    this.#spans = spans;
    this.revision = revision;
    this.length = spans.reduce((length, span) => length + span.length, 0);
  }

  /** No events, only {@link revision}. Comes only where `progressNotify` was asked for. */
  get progress(): boolean {
    return this.length === 0;
  }

  /** The event at `index`, counted from the end when negative; undefined outside. */
  at(index: number): WatchEvent | undefined {
    let from = index < 0 ? index + this.length : index;
    if (from < 0) return undefined;
    for (const span of this.#spans) {
      if (from < span.length) return span.at(from);
      from -= span.length;
    }
    return undefined;
  }

  [Symbol.iterator](): Iterator<WatchEvent> {
    const [only] = this.#spans;
    return only !== undefined && this.#spans.length === 1 ? only[Symbol.iterator]() : this.#all();
  }

  *#all(): Generator<WatchEvent> {
    for (const span of this.#spans) yield* span;
  }
}

/** The batch in a slice whose segments are all of one watch. */
export function watchBatch(slice: WatchSlice): WatchBatch {
  const { data } = slice;
  const spans: EventSpan[] = [];
  let revision = 0;
  for (let index = 0; index < slice.segmentCount; index += 1) {
    const segment = slice.segmentAt(index);
    const count = data.segmentEvents[segment] ?? 0;
    const first = slice.starts[segment] ?? 0;
    if (count > 0) spans.push(new EventSpan(data, first, count));
    revision = (count > 0 ? data.modRevision[first + count - 1] : data.segmentRevision[segment]) ?? 0;
  }
  return new WatchBatch(spans, BigInt(revision));
}
