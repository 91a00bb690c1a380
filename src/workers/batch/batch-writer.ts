/**
 * The batch being filled by a shard: growing columns and the heap they point into. The decoder writes an event's columns
 * and then keeps it with {@link BatchWriter.keepEvent}; what is not kept is overwritten. No I/O, no timers.
 *
 * The heap takes whole regions of received messages as they are: one copy for all events of a message, instead of one for
 * every key and value.
 */
import { EtcdError } from '../../wire/errors.js';
import { HEAP_START, NO_PREV } from '../../wire/event-batch.js';
import { sealBatch } from '../../wire/seal-batch.js';
import type { EventColumns, PrevColumns } from '../../wire/event-batch.js';
import type { WatchNumber } from '../../wire/contract.js';

const MIN_HEAP_BYTES = 4096;
const MIN_ROWS = 64;
/** Columns that one huge batch has made longer than this are not kept for the next ones. */
const MAX_KEPT_ROWS = 65_536;
const MAX_HEAP_BYTES = 0xffff_0000;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A point to return to when a message turns out to be malformed. */
export interface WriterMark {
  readonly segments: number;
  readonly events: number;
  readonly heapEnd: number;
}

export class BatchWriter {
  /** Columns, at least one row longer than `eventCount`: the decoder writes row `eventCount`, then keeps it. */
  columns: Mutable<EventColumns> = emptyColumns();
  #heap: Uint8Array = allocate(MIN_HEAP_BYTES);
  #heapEnd = HEAP_START;
  #eventRows = MIN_ROWS;
  #segmentRows = MIN_ROWS;
  #segmentFirst = 0;
  /** Columns of leases and previous key-values that earlier batches had, with whatever those left in them. */
  #spareLease: BigInt64Array | undefined;
  #sparePrev: PrevColumns | undefined;

  get empty(): boolean {
    return this.columns.segmentCount === 0;
  }

  get eventCount(): number {
    return this.columns.eventCount;
  }

  /** Size of the heap, the larger part of the sealed batch. */
  get bytes(): number {
    return this.#heapEnd - HEAP_START;
  }

  mark(): WriterMark {
    return { segments: this.columns.segmentCount, events: this.columns.eventCount, heapEnd: this.#heapEnd };
  }

  rollback(mark: WriterMark): void {
    this.columns.segmentCount = mark.segments;
    this.columns.eventCount = mark.events;
    this.#heapEnd = mark.heapEnd;
    this.#segmentFirst = mark.events;
  }

  /** Where the next region's first byte will stand in the heap. */
  get regionStart(): number {
    return this.#heapEnd - HEAP_START;
  }

  /** Copies a region of a received message into the heap, at {@link regionStart}. */
  addRegion(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserveHeap(length);
    // A view costs more than copying a few bytes too many: take the whole chunk where it is little more than the region.
    if (start === 0 && end === buffer.length) this.#heap.set(buffer, this.#heapEnd);
    else this.#heap.set(buffer.subarray(start, end), this.#heapEnd);
    this.#heapEnd += length;
  }

  /** Keeps the row that the decoder has just filled. */
  keepEvent(): void {
    this.columns.eventCount += 1;
    if (this.columns.eventCount + 1 >= this.#eventRows) this.#growEvents();
  }

  /** Gives every row a lease; rows before had none. */
  leaseColumn(): BigInt64Array {
    if (this.columns.lease !== undefined) return this.columns.lease;
    const lease = this.#spareLease ?? new BigInt64Array(this.#eventRows);
    // Up to and with the row being written; the decoder clears each row after it.
    lease.fill(0n, 0, this.columns.eventCount + 1);
    this.#spareLease = undefined;
    this.columns.lease = lease;
    return lease;
  }

  /** Gives every row a previous key-value; rows before have none. */
  prevColumns(): PrevColumns {
    if (this.columns.prev !== undefined) return this.columns.prev;
    const prev = this.#sparePrev ?? emptyPrev(this.#eventRows);
    prev.valueStart.fill(NO_PREV, 0, this.columns.eventCount + 1);
    this.#sparePrev = undefined;
    this.columns.prev = prev;
    return prev;
  }

  /** Ends the segment of the events kept since the last one; with none kept and no flags it writes nothing. */
  endSegment(watch: WatchNumber, revision: number, flags: number): void {
    const columns = this.columns;
    const count = columns.eventCount - this.#segmentFirst;
    this.#segmentFirst = columns.eventCount;
    if (count === 0 && flags === 0) return;
    const row = columns.segmentCount;
    columns.segmentWatch[row] = watch;
    columns.segmentEvents[row] = count;
    columns.segmentRevision[row] = revision;
    columns.segmentFlags[row] = flags;
    columns.segmentCount = row + 1;
    if (row + 1 >= this.#segmentRows) this.#growSegments();
  }

  /** The finished batch, to be transferred; the writer is empty afterwards and keeps its columns. */
  seal(): Uint8Array {
    const sealed = sealBatch(this.#heap, this.#heapEnd, this.columns);
    const used = this.#heapEnd;
    this.#clearColumns();
    this.#segmentFirst = 0;
    this.#heapEnd = HEAP_START;
    if (sealed.buffer === this.#heap.buffer) this.#heap = allocate(nextHeapBytes(used));
    return sealed;
  }

  #reserveHeap(bytes: number): void {
    const needed = this.#heapEnd + bytes;
    if (needed <= this.#heap.length) return;
    if (needed > MAX_HEAP_BYTES) {
      throw new EtcdError('a batch would be larger than 4 GiB', { code: 'message-too-large' });
    }
    const grown = allocate(Math.min(MAX_HEAP_BYTES, Math.max(needed, this.#heap.length * 2)));
    grown.set(this.#heap.subarray(0, this.#heapEnd));
    this.#heap = grown;
  }

  #clearColumns(): void {
    const { columns } = this;
    if (this.#eventRows > MAX_KEPT_ROWS || this.#segmentRows > MAX_KEPT_ROWS) {
      this.columns = emptyColumns();
      this.#eventRows = MIN_ROWS;
      this.#segmentRows = MIN_ROWS;
      this.#spareLease = undefined;
      this.#sparePrev = undefined;
      return;
    }
    this.#spareLease = columns.lease ?? this.#spareLease;
    this.#sparePrev = columns.prev ?? this.#sparePrev;
    columns.segmentCount = 0;
    columns.eventCount = 0;
    columns.lease = undefined;
    columns.prev = undefined;
  }

  #growEvents(): void {
    this.#eventRows *= 2;
    this.#spareLease = undefined;
    this.#sparePrev = undefined;
    const rows = this.#eventRows;
    const columns = this.columns;
    columns.type = grow(columns.type, new Uint8Array(rows));
    columns.keyStart = grow(columns.keyStart, new Uint32Array(rows));
    columns.keyLength = grow(columns.keyLength, new Uint32Array(rows));
    columns.valueStart = grow(columns.valueStart, new Uint32Array(rows));
    columns.valueLength = grow(columns.valueLength, new Uint32Array(rows));
    columns.modRevision = grow(columns.modRevision, new Float64Array(rows));
    columns.createRevision = grow(columns.createRevision, new Float64Array(rows));
    columns.version = grow(columns.version, new Float64Array(rows));
    if (columns.lease) {
      const lease = new BigInt64Array(rows);
      lease.set(columns.lease);
      columns.lease = lease;
    }
    if (columns.prev) columns.prev = grownPrev(columns.prev, rows);
  }

  #growSegments(): void {
    this.#segmentRows *= 2;
    const rows = this.#segmentRows;
    const columns = this.columns;
    columns.segmentWatch = grow(columns.segmentWatch, new Uint32Array(rows));
    columns.segmentEvents = grow(columns.segmentEvents, new Uint32Array(rows));
    columns.segmentRevision = grow(columns.segmentRevision, new Float64Array(rows));
    columns.segmentFlags = grow(columns.segmentFlags, new Uint8Array(rows));
  }
}

function grow<Column extends Uint8Array | Uint32Array | Float64Array>(old: Column, grown: Column): Column {
  grown.set(old);
  return grown;
}

function grownPrev(prev: PrevColumns, rows: number): PrevColumns {
  const grown = emptyPrev(rows);
  grown.valueStart.set(prev.valueStart);
  grown.valueLength.set(prev.valueLength);
  grown.modRevision.set(prev.modRevision);
  grown.createRevision.set(prev.createRevision);
  grown.version.set(prev.version);
  grown.lease.set(prev.lease);
  return grown;
}

function emptyPrev(rows: number): PrevColumns {
  return {
    valueStart: new Uint32Array(rows),
    valueLength: new Uint32Array(rows),
    modRevision: new Float64Array(rows),
    createRevision: new Float64Array(rows),
    version: new Float64Array(rows),
    lease: new BigInt64Array(rows),
  };
}

function emptyColumns(): EventColumns {
  return {
    segmentCount: 0,
    eventCount: 0,
    segmentWatch: new Uint32Array(MIN_ROWS),
    segmentEvents: new Uint32Array(MIN_ROWS),
    segmentRevision: new Float64Array(MIN_ROWS),
    segmentFlags: new Uint8Array(MIN_ROWS),
    type: new Uint8Array(MIN_ROWS),
    keyStart: new Uint32Array(MIN_ROWS),
    keyLength: new Uint32Array(MIN_ROWS),
    valueStart: new Uint32Array(MIN_ROWS),
    valueLength: new Uint32Array(MIN_ROWS),
    modRevision: new Float64Array(MIN_ROWS),
    createRevision: new Float64Array(MIN_ROWS),
    version: new Float64Array(MIN_ROWS),
    lease: undefined,
    prev: undefined,
  };
}

/** Not zeroed, and with an ArrayBuffer of its own, so that it can be transferred. */
function allocate(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}

/** Batches of one load are alike: start the next heap with room for one like the last, and its columns. */
function nextHeapBytes(used: number): number {
  return Math.max(MIN_HEAP_BYTES, Math.min(used + (used >>> 1), 1 << 20));
}
