/**
 * The part of a wire batch that belongs to one consumer. Main thread. A slice that is read at once shares its batch; one
 * that has to wait is made compact, so that a few bytes do not keep a large batch alive.
 */
import { NO_PREV, type EventBatchData } from '../../wire/event-batch.js';
import { copyRows } from './copy-rows.js';

/** What an event costs beside its bytes: its columns. */
const EVENT_OVERHEAD_BYTES = 64;

/** What a segment costs: its columns, where it begins, and whose it is. */
const SEGMENT_OVERHEAD_BYTES = 32;

/** What a slice needs to know of a watch: its identity, and whether anybody still wants its events. */
export interface SliceOwner {
  readonly dropped: boolean;
}

export class BatchSlice<Owner extends SliceOwner> {
  readonly data: EventBatchData;
  /** First event of each segment of the batch. */
  readonly starts: Uint32Array;
  /** Whose each segment of the batch is; undefined where nobody wants it. */
  readonly entries: readonly (Owner | undefined)[];
  /** Numbers of the segments in this slice, ascending; undefined: all of the batch. */
  readonly segments: readonly number[] | undefined;

  constructor(
    data: EventBatchData,
    starts: Uint32Array,
    entries: readonly (Owner | undefined)[],
    segments: readonly number[] | undefined,
  ) {
    this.data = data;
    this.starts = starts;
    this.entries = entries;
    this.segments = segments;
  }

  get segmentCount(): number {
    return this.segments === undefined ? this.data.segmentCount : this.segments.length;
  }

  /** The batch's number of this slice's segment `index`. */
  segmentAt(index: number): number {
    return this.segments === undefined ? index : (this.segments[index] ?? 0);
  }

  /** Whose the segment is, unless it was cancelled after the segment came. */
  entryOf(segment: number): Owner | undefined {
    const entry = this.entries[segment];
    return entry === undefined || entry.dropped ? undefined : entry;
  }

  /**
   * This slice as it is delivered: without the segments that nobody wants, or wants any more. Itself where all are wanted,
   * undefined where none is. What was delivered does not change by a later cancel.
   */
  wanted(): BatchSlice<Owner> | undefined {
    const count = this.segmentCount;
    let index = 0;
    while (index < count && this.entryOf(this.segmentAt(index)) !== undefined) index += 1;
    if (index === count) return count === 0 ? undefined : this;
    const segments: number[] = [];
    for (index = 0; index < count; index += 1) {
      const segment = this.segmentAt(index);
      if (this.entryOf(segment) !== undefined) segments.push(segment);
    }
    return segments.length === 0 ? undefined : new BatchSlice(this.data, this.starts, this.entries, segments);
  }

  /** Events in all its segments. */
  get eventCount(): number {
    if (this.segments === undefined) return this.data.eventCount;
    let count = 0;
    for (const segment of this.segments) count += this.data.segmentEvents[segment] ?? 0;
    return count;
  }

  /** The same slice with these of its segments. */
  only(segments: readonly number[]): BatchSlice<Owner> {
    return new BatchSlice(this.data, this.starts, this.entries, segments);
  }

  /** {@link firstRevisionOf} of every watch in it that has events. */
  firstRevisions(): Map<Owner, number> {
    const firsts = new Map<Owner, number>();
    for (let index = 0; index < this.segmentCount; index += 1) {
      const segment = this.segmentAt(index);
      const entry = this.entries[segment];
      if (entry === undefined || firsts.has(entry) || (this.data.segmentEvents[segment] ?? 0) === 0) continue;
      firsts.set(entry, this.data.modRevision[this.starts[segment] ?? 0] ?? 0);
    }
    return firsts;
  }

  /**
   * This slice, all of it wanted, as it may wait: on its own when it is the lesser part of what its batch holds, whatever the
   * neighbours' part consists of. The bytes count against the budget of whoever keeps it: its own, so that nobody pays for a
   * neighbour, and never less than half of what is kept alive.
   */
  toKeep(): { readonly slice: BatchSlice<Owner>; readonly bytes: number } {
    const { data } = this;
    const events = this.eventCount;
    const allBytes = costOf(data.heap.length, data.eventCount, data.segmentCount);
    // Nobody else's: framing of messages and what was left out of them cost whoever watches.
    if (events === data.eventCount && this.segmentCount === data.segmentCount) return { slice: this, bytes: allBytes };
    const bytes = costOf(this.#payloadBytes(), events, this.segmentCount);
    return { slice: bytes * 2 >= allBytes ? this : this.#compact(events), bytes };
  }

  /** Keys and values of its events. */
  #payloadBytes(): number {
    const { segmentEvents, keyLength, valueLength, prev } = this.data;
    let bytes = 0;
    for (let index = 0; index < this.segmentCount; index += 1) {
      const segment = this.segmentAt(index);
      const first = this.starts[segment] ?? 0;
      const end = first + (segmentEvents[segment] ?? 0);
      for (let row = first; row < end; row += 1) {
        bytes += (keyLength[row] ?? 0) + (valueLength[row] ?? 0);
        if (prev !== undefined && prev.valueStart[row] !== NO_PREV) bytes += prev.valueLength[row] ?? 0;
      }
    }
    return bytes;
  }

  #compact(events: number): BatchSlice<Owner> {
    const { data } = this;
    const from = Array.from({ length: this.segmentCount }, (_, index) => this.segmentAt(index));
    const entries = from.map((segment) => this.entries[segment]);
    const rows = new Uint32Array(events);
    const starts = new Uint32Array(from.length);
    let at = 0;
    for (const [index, segment] of from.entries()) {
      starts[index] = at;
      const first = this.starts[segment] ?? 0;
      for (let event = 0; event < (data.segmentEvents[segment] ?? 0); event += 1) rows[at++] = first + event;
    }
    return new BatchSlice(copyRows(data, from, rows), starts, entries, undefined);
  }
}

function costOf(heapBytes: number, events: number, segments: number): number {
  return heapBytes + events * EVENT_OVERHEAD_BYTES + segments * SEGMENT_OVERHEAD_BYTES;
}
