/**
 * The columnar batch: how events cross from a shard to main. One msgpack value, `[heap, [segments, events, flags,
 * columns]]`: the heap holds the received messages as they came, the columns point into it. Only this file uses msgpackr.
 *
 * The heap comes first so that a shard can receive straight into the final buffer: {@link HEAP_START} bytes are kept
 * free in front of it for the msgpack prefix and the columns are appended when the batch is sealed. The few bytes of
 * msgpack are written by hand, since a packer could neither write in place nor align: the heap is padded so that the
 * columns stand at a multiple of 8, and main reads them where they are, without a copy.
 */
import { Unpackr } from 'msgpackr';

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

const unpackr = new Unpackr({ useRecords: false, copyBuffers: false });

const SEGMENT_BYTES = 8 + 4 + 4 + 1;
const EVENT_BYTES = 3 * 8 + 4 * 4 + 1;
const PREV_BYTES = 4 * 8 + 2 * 4;

/** Between heap and columns: fixarray of 4, two `uint 32`, a fixint, and `bin 32` with its length. */
const MIDDLE_BYTES = 1 + 5 + 5 + 1 + 5;

/** Up to so many rows are copied one by one: making two views for each column costs more. */
const FEW = 24;

/**
 * Seals a batch. `buffer` holds the heap from {@link HEAP_START} to `heapEnd`; the rest of it may be overwritten. The
 * result owns its whole ArrayBuffer and is meant to be transferred: it is `buffer` itself where the columns fit and
 * little is wasted, an exact copy otherwise.
 */
export function sealBatch(buffer: Uint8Array, heapEnd: number, columns: EventColumns): Uint8Array {
  const { segmentCount, eventCount, lease, prev } = columns;
  const columnBytes =
    segmentCount * SEGMENT_BYTES + eventCount * (EVENT_BYTES + (lease ? 8 : 0) + (prev ? PREV_BYTES : 0));
  // Not by bit operators: a heap may be larger than 2^31.
  const columnStart = Math.ceil((heapEnd + MIDDLE_BYTES) / 8) * 8;
  const middle = columnStart - MIDDLE_BYTES;
  const length = columnStart + columnBytes;
  const wasted = buffer.length - length;
  const inPlace = wasted >= 0 && wasted <= length && buffer.byteOffset === 0;
  const target = inPlace ? buffer : exactCopy(buffer, heapEnd, length);
  target.fill(0, heapEnd, middle);
  target[0] = 0x92;
  writeHead(target, 1, 0xc6, middle - HEAP_START);
  target[middle] = 0x94;
  writeHead(target, middle + 1, 0xce, segmentCount);
  writeHead(target, middle + 6, 0xce, eventCount);
  target[middle + 11] = (lease === undefined ? 0 : HAS_LEASE) | (prev === undefined ? 0 : HAS_PREV);
  writeHead(target, middle + 12, 0xc6, columnBytes);
  writeColumns(target, columnStart, columns);
  return length === target.length ? target : target.subarray(0, length);
}

function exactCopy(buffer: Uint8Array, heapEnd: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(buffer.subarray(0, heapEnd));
  return copy;
}

/** A msgpack type byte with 4 bytes, big-endian. */
function writeHead(target: Uint8Array, at: number, type: number, value: number): void {
  target[at] = type;
  target[at + 1] = value >>> 24;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 8;
  target[at + 4] = value;
}

/** Reads a batch that {@link sealBatch} made. Columns and heap are views on `bytes`. */
export function openBatch(bytes: Uint8Array): EventBatchData {
  const [heap, [segmentCount, eventCount, flags, block]] = unpackr.unpack(bytes) as BatchValue; // our own writer's shape
  return new BlockReader(block).columns(heap, segmentCount, eventCount, flags);
}

type BatchValue = [heap: Uint8Array, rest: [segments: number, events: number, flags: number, columns: Uint8Array]];

/** All columns behind each other from `start`, a multiple of 8, on; widest first, so that each is aligned. */
function writeColumns(target: Uint8Array, start: number, columns: EventColumns): void {
  const { segmentCount: segments, eventCount: events, lease, prev } = columns;
  const { buffer } = target;
  const wide = new Float64Array(buffer, start, segments + events * 3);
  let at = start + wide.length * 8;
  if (lease) {
    new BigInt64Array(buffer, at, events).set(lease.subarray(0, events));
    at += events * 8;
  }
  if (prev) {
    writePrevWide(buffer, at, prev, events);
    at += events * 32;
  }
  const middle = new Uint32Array(buffer, at, segments * 2 + events * (prev ? 6 : 4));
  if (prev) writePrevMiddle(middle, segments * 2 + events * 4, prev, events);
  const narrow = at + middle.length * 4;
  if (segments > FEW) copySegments(wide, middle, target, narrow, columns);
  else copyFewSegments(wide, middle, target, narrow, columns);
  if (events > FEW) copyEvents(wide, middle, target, narrow + segments, columns);
  else copyFewEvents(wide, middle, target, narrow + segments, columns);
}

function copySegments(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments } = columns;
  wide.set(columns.segmentRevision.subarray(0, segments), 0);
  middle.set(columns.segmentWatch.subarray(0, segments), 0);
  middle.set(columns.segmentEvents.subarray(0, segments), segments);
  target.set(columns.segmentFlags.subarray(0, segments), narrow);
}

function copyEvents(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments, eventCount: events } = columns;
  wide.set(columns.modRevision.subarray(0, events), segments);
  wide.set(columns.createRevision.subarray(0, events), segments + events);
  wide.set(columns.version.subarray(0, events), segments + events * 2);
  const first = segments * 2;
  middle.set(columns.keyStart.subarray(0, events), first);
  middle.set(columns.keyLength.subarray(0, events), first + events);
  middle.set(columns.valueStart.subarray(0, events), first + events * 2);
  middle.set(columns.valueLength.subarray(0, events), first + events * 3);
  target.set(columns.type.subarray(0, events), narrow);
}

/** Row by row, in one loop for all columns: little code, which is optimized early. */
function copyFewSegments(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments, segmentRevision, segmentWatch, segmentEvents, segmentFlags } = columns;
  for (let row = 0; row < segments; row += 1) {
    wide[row] = segmentRevision[row] ?? 0;
    middle[row] = segmentWatch[row] ?? 0;
    middle[segments + row] = segmentEvents[row] ?? 0;
    target[narrow + row] = segmentFlags[row] ?? 0;
  }
}

function copyFewEvents(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments, eventCount: events, modRevision, createRevision, version } = columns;
  const { keyStart, keyLength, valueStart, valueLength, type } = columns;
  const first = segments * 2;
  for (let row = 0; row < events; row += 1) {
    wide[segments + row] = modRevision[row] ?? 0;
    wide[segments + events + row] = createRevision[row] ?? 0;
    wide[segments + events * 2 + row] = version[row] ?? 0;
    middle[first + row] = keyStart[row] ?? 0;
    middle[first + events + row] = keyLength[row] ?? 0;
    middle[first + events * 2 + row] = valueStart[row] ?? 0;
    middle[first + events * 3 + row] = valueLength[row] ?? 0;
    target[narrow + row] = type[row] ?? 0;
  }
}

function writePrevWide(buffer: ArrayBufferLike, at: number, prev: PrevColumns, events: number): void {
  const wide = new Float64Array(buffer, at, events * 3);
  wide.set(prev.modRevision.subarray(0, events), 0);
  wide.set(prev.createRevision.subarray(0, events), events);
  wide.set(prev.version.subarray(0, events), events * 2);
  new BigInt64Array(buffer, at + events * 24, events).set(prev.lease.subarray(0, events));
}

function writePrevMiddle(middle: Uint32Array, at: number, prev: PrevColumns, events: number): void {
  middle.set(prev.valueStart.subarray(0, events), at);
  middle.set(prev.valueLength.subarray(0, events), at + events);
}

class BlockReader {
  readonly #buffer: ArrayBufferLike;
  #at: number;

  constructor(block: Uint8Array) {
    // Aligned where the batch came as it was sealed; a batch that was copied elsewhere since may not be.
    const isAligned = block.byteOffset % 8 === 0;
    this.#buffer = isAligned ? block.buffer : new Uint8Array(block).buffer; // a Buffer's own slice() would share
    this.#at = isAligned ? block.byteOffset : 0;
  }

  columns(heap: Uint8Array, segments: number, events: number, flags: number): EventBatchData {
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
      heap,
      segmentCount: segments,
      eventCount: events,
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
