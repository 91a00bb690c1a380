/**
 * The columnar batch: how events cross from a shard to main. One msgpack value, `[heap, [segments, events, flags,
 * columns]]`: the heap holds the received messages as they came, the columns point into it. Only this file uses msgpackr.
 *
 * The heap comes first so that a shard can receive straight into the final buffer: {@link HEAP_START} bytes are kept
 * free in front of it for the msgpack prefix and the columns are appended when the batch is sealed.
 */
import { Packr, Unpackr } from 'msgpackr';

/** Bytes before the heap: fixarray of 2, then `bin 32` with its length. */
export const HEAP_START = 6;

/** Segment flag: no events; everything up to the segment's revision has been delivered to the watch. */
export const SEGMENT_PROGRESS = 1;

/** Event types as etcd numbers them. */
export const EVENT_PUT = 0;
export const EVENT_DELETE = 1;

/** Marks an event without a previous key-value in `prevValueStart`. */
export const NO_PREV = 0xffff_ffff;

/** Column flag: the lease column is there (otherwise every lease is 0). */
const HAS_LEASE = 1;
/** Column flag: the previous key-value columns are there. */
const HAS_PREV = 2;

/**
 * The columns of a batch. A segment is a run of events of one watch; segments stand in the order received and their
 * events follow each other. Only the first `segmentCount` / `eventCount` entries count.
 */
export interface EventColumns {
  readonly segmentCount: number;
  readonly eventCount: number;
  /** The engine's number of the segment's watch. */
  readonly segmentWatch: Uint32Array;
  readonly segmentEvents: Uint32Array;
  /** The store's revision when the server sent the segment; for a progress segment, the progress. */
  readonly segmentRevision: Float64Array;
  readonly segmentFlags: Uint8Array;
  readonly type: Uint8Array;
  readonly keyStart: Uint32Array;
  readonly keyLength: Uint32Array;
  readonly valueStart: Uint32Array;
  readonly valueLength: Uint32Array;
  readonly modRevision: Float64Array;
  readonly createRevision: Float64Array;
  readonly version: Float64Array;
  /** Absent where no event has a lease. */
  readonly lease: BigInt64Array | undefined;
  /** Absent where no event has a previous key-value. */
  readonly prev: PrevColumns | undefined;
}

/** Previous key-values, a row an event; `valueStart` is {@link NO_PREV} where there is none. The key is the event's. */
export interface PrevColumns {
  readonly valueStart: Uint32Array;
  readonly valueLength: Uint32Array;
  readonly modRevision: Float64Array;
  readonly createRevision: Float64Array;
  readonly version: Float64Array;
  readonly lease: BigInt64Array;
}

/** A batch as main reads it. */
export interface EventBatchData extends EventColumns {
  /** Bytes that the columns' offsets count from. Shared by every consumer of the batch: never write to it. */
  readonly heap: Uint8Array;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, copyBuffers: false });

const SEGMENT_BYTES = 8 + 4 + 4 + 1;
const EVENT_BYTES = 3 * 8 + 4 * 4 + 1;
const PREV_BYTES = 4 * 8 + 2 * 4;

/**
 * Seals a batch. `buffer` holds the heap from {@link HEAP_START} to `heapEnd`; the rest of it may be overwritten. The
 * result owns its whole ArrayBuffer and is meant to be transferred: it is `buffer` itself where the columns fit and
 * little is wasted, an exact copy otherwise.
 */
export function sealBatch(buffer: Uint8Array, heapEnd: number, columns: EventColumns): Uint8Array {
  const flags = (columns.lease === undefined ? 0 : HAS_LEASE) | (columns.prev === undefined ? 0 : HAS_PREV);
  const tail = packr.pack([columns.segmentCount, columns.eventCount, flags, columnBytes(columns)]);
  const length = heapEnd + tail.length;
  const wasted = buffer.length - length;
  const target = wasted >= 0 && wasted <= length ? buffer : exactCopy(buffer, heapEnd, length);
  target.set(tail, heapEnd);
  const heapLength = heapEnd - HEAP_START;
  target[0] = 0x92;
  target[1] = 0xc6;
  target[2] = heapLength >>> 24;
  target[3] = heapLength >>> 16;
  target[4] = heapLength >>> 8;
  target[5] = heapLength;
  return length === target.length ? target : target.subarray(0, length);
}

function exactCopy(buffer: Uint8Array, heapEnd: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(buffer.subarray(0, heapEnd));
  return copy;
}

/** Reads a batch that {@link sealBatch} made. Column views are made over one aligned copy of the column block. */
export function openBatch(bytes: Uint8Array): EventBatchData {
  const [heap, [segmentCount, eventCount, flags, block]] = unpackr.unpack(bytes) as BatchValue; // our own writer's shape
  const layout = new BlockReader(block);
  return {
    heap,
    segmentCount,
    eventCount,
    ...layout.columns(segmentCount, eventCount, flags),
  };
}

type BatchValue = [heap: Uint8Array, rest: [segments: number, events: number, flags: number, columns: Uint8Array]];

/** All columns behind each other, widest first, so that each is aligned in an aligned block. */
function columnBytes(columns: EventColumns): Uint8Array {
  const { segmentCount: segments, eventCount: events, lease, prev } = columns;
  const size = segments * SEGMENT_BYTES + events * (EVENT_BYTES + (lease ? 8 : 0) + (prev ? PREV_BYTES : 0));
  const block = new Uint8Array(size);
  let at = 0;
  const put = (column: ArrayBufferView & { readonly BYTES_PER_ELEMENT: number }, count: number): void => {
    const length = count * column.BYTES_PER_ELEMENT;
    block.set(new Uint8Array(column.buffer, column.byteOffset, length), at);
    at += length;
  };
  put(columns.segmentRevision, segments);
  put(columns.modRevision, events);
  put(columns.createRevision, events);
  put(columns.version, events);
  if (lease) put(lease, events);
  if (prev) {
    put(prev.modRevision, events);
    put(prev.createRevision, events);
    put(prev.version, events);
    put(prev.lease, events);
  }
  put(columns.segmentWatch, segments);
  put(columns.segmentEvents, segments);
  put(columns.keyStart, events);
  put(columns.keyLength, events);
  put(columns.valueStart, events);
  put(columns.valueLength, events);
  if (prev) {
    put(prev.valueStart, events);
    put(prev.valueLength, events);
  }
  put(columns.segmentFlags, segments);
  put(columns.type, events);
  return block;
}

class BlockReader {
  readonly #buffer: ArrayBuffer;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#buffer = new Uint8Array(block).buffer; // a Buffer's own slice() would share, unaligned
  }

  columns(segments: number, events: number, flags: number): Omit<EventColumns, 'segmentCount' | 'eventCount'> {
    const segmentRevision = this.#float64(segments);
    const modRevision = this.#float64(events);
    const createRevision = this.#float64(events);
    const version = this.#float64(events);
    const lease = (flags & HAS_LEASE) === 0 ? undefined : this.#int64(events);
    const prevWide =
      (flags & HAS_PREV) === 0
        ? undefined
        : {
            modRevision: this.#float64(events),
            createRevision: this.#float64(events),
            version: this.#float64(events),
            lease: this.#int64(events),
          };
    const segmentWatch = this.#uint32(segments);
    const segmentEvents = this.#uint32(segments);
    const keyStart = this.#uint32(events);
    const keyLength = this.#uint32(events);
    const valueStart = this.#uint32(events);
    const valueLength = this.#uint32(events);
    const prev = prevWide && {
      ...prevWide,
      valueStart: this.#uint32(events),
      valueLength: this.#uint32(events),
    };
    const segmentFlags = this.#uint8(segments);
    const type = this.#uint8(events);
    return {
      segmentWatch,
      segmentEvents,
      segmentRevision,
      segmentFlags,
      type,
      keyStart,
      keyLength,
      valueStart,
      valueLength,
      modRevision,
      createRevision,
      version,
      lease,
      prev,
    };
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
  #float64(count: number): Float64Array {
    return new Float64Array(this.#buffer, this.#take(count * 8), count);
  }
  #int64(count: number): BigInt64Array {
    return new BigInt64Array(this.#buffer, this.#take(count * 8), count);
  }
  #uint32(count: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.#take(count * 4), count);
  }
  #uint8(count: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#take(count), count);
  }
}
