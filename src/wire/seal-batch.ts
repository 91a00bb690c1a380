/** Writes a batch, in the layout of event-batch.ts. The shard's thread; pure. */
import { HAS_LEASE, HAS_PREV, HEAP_START, type EventColumns, type PrevColumns } from './event-batch.js';

const SEGMENT_BYTES = 8 + 4 + 4 + 1;
const EVENT_BYTES = 3 * 8 + 4 * 4 + 1;
const PREV_BYTES = 4 * 8 + 2 * 4;

/** Between heap and columns: fixarray of 4, two `uint 32`, a fixint, and `bin 32` with its length. */
const MIDDLE_BYTES = 1 + 5 + 5 + 1 + 5;

/**
 * Up to so many rows are copied one by one, in one loop for all columns: making two views for each column costs more, and little
 * code is optimized early. (Leases, which few events have, always come as a column.)
 */
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
  writeSegments(wide, middle, target, narrow, columns);
  writeEvents(wide, middle, target, narrow + segments, columns);
}

function writeSegments(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments, segmentRevision, segmentWatch, segmentEvents, segmentFlags } = columns;
  if (segments > FEW) {
    wide.set(segmentRevision.subarray(0, segments), 0);
    middle.set(segmentWatch.subarray(0, segments), 0);
    middle.set(segmentEvents.subarray(0, segments), segments);
    target.set(segmentFlags.subarray(0, segments), narrow);
    return;
  }
  for (let row = 0; row < segments; row += 1) {
    wide[row] = segmentRevision[row] ?? 0;
    middle[row] = segmentWatch[row] ?? 0;
    middle[segments + row] = segmentEvents[row] ?? 0;
    target[narrow + row] = segmentFlags[row] ?? 0;
  }
}

/** Behind the segments in `wide` and `middle`. */
function writeEvents(
  wide: Float64Array,
  middle: Uint32Array,
  target: Uint8Array,
  narrow: number,
  columns: EventColumns,
): void {
  const { segmentCount: segments, eventCount: events, modRevision, createRevision, version } = columns;
  const { keyStart, keyLength, valueStart, valueLength, type } = columns;
  const first = segments * 2;
  if (events > FEW) {
    wide.set(modRevision.subarray(0, events), segments);
    wide.set(createRevision.subarray(0, events), segments + events);
    wide.set(version.subarray(0, events), segments + events * 2);
    middle.set(keyStart.subarray(0, events), first);
    middle.set(keyLength.subarray(0, events), first + events);
    middle.set(valueStart.subarray(0, events), first + events * 2);
    middle.set(valueLength.subarray(0, events), first + events * 3);
    target.set(type.subarray(0, events), narrow);
    return;
  }
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
  const leases = new BigInt64Array(buffer, at + events * 24, events);
  if (events > FEW) {
    wide.set(prev.modRevision.subarray(0, events), 0);
    wide.set(prev.createRevision.subarray(0, events), events);
    wide.set(prev.version.subarray(0, events), events * 2);
    leases.set(prev.lease.subarray(0, events));
    return;
  }
  for (let row = 0; row < events; row += 1) {
    wide[row] = prev.modRevision[row] ?? 0;
    wide[events + row] = prev.createRevision[row] ?? 0;
    wide[events * 2 + row] = prev.version[row] ?? 0;
    leases[row] = prev.lease[row] ?? 0n;
  }
}

function writePrevMiddle(middle: Uint32Array, at: number, prev: PrevColumns, events: number): void {
  if (events > FEW) {
    middle.set(prev.valueStart.subarray(0, events), at);
    middle.set(prev.valueLength.subarray(0, events), at + events);
    return;
  }
  for (let row = 0; row < events; row += 1) {
    middle[at + row] = prev.valueStart[row] ?? 0;
    middle[at + events + row] = prev.valueLength[row] ?? 0;
  }
}
