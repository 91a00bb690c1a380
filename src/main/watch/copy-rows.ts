/** Rows of a batch copied into a batch of their own, so that the rest of it can be freed. Main thread; pure. */
import { NO_PREV, type EventBatchData, type PrevColumns } from '../../wire/event-batch.js';

/** The chosen segments and rows as a batch of their own, with a heap of their bytes only. */
export function copyRows(data: EventBatchData, segments: readonly number[], rows: Uint32Array): EventBatchData {
  const heap = new HeapCopy(data, rows);
  return {
    heap: heap.bytes,
    segmentCount: segments.length,
    eventCount: rows.length,
    segmentWatch: Uint32Array.from(segments, (segment) => data.segmentWatch[segment] ?? 0),
    segmentEvents: Uint32Array.from(segments, (segment) => data.segmentEvents[segment] ?? 0),
    segmentRevision: Float64Array.from(segments, (segment) => data.segmentRevision[segment] ?? 0),
    segmentFlags: Uint8Array.from(segments, (segment) => data.segmentFlags[segment] ?? 0),
    type: Uint8Array.from(rows, (row) => data.type[row] ?? 0),
    keyStart: heap.keyStart,
    keyLength: Uint32Array.from(rows, (row) => data.keyLength[row] ?? 0),
    valueStart: heap.valueStart,
    valueLength: Uint32Array.from(rows, (row) => data.valueLength[row] ?? 0),
    modRevision: Float64Array.from(rows, (row) => data.modRevision[row] ?? 0),
    createRevision: Float64Array.from(rows, (row) => data.createRevision[row] ?? 0),
    version: Float64Array.from(rows, (row) => data.version[row] ?? 0),
    lease: data.lease && bigints(data.lease, rows),
    prev: data.prev && copyPrev(data.prev, rows, heap.prevStart),
  };
}

function copyPrev(prev: PrevColumns, rows: Uint32Array, valueStart: Uint32Array): PrevColumns {
  return {
    valueStart,
    valueLength: Uint32Array.from(rows, (row) => prev.valueLength[row] ?? 0),
    modRevision: Float64Array.from(rows, (row) => prev.modRevision[row] ?? 0),
    createRevision: Float64Array.from(rows, (row) => prev.createRevision[row] ?? 0),
    version: Float64Array.from(rows, (row) => prev.version[row] ?? 0),
    lease: bigints(prev.lease, rows),
  };
}

function bigints(column: BigInt64Array, rows: Uint32Array): BigInt64Array {
  const copy = new BigInt64Array(rows.length);
  for (let index = 0; index < rows.length; index += 1) copy[index] = column[rows[index] ?? 0] ?? 0n;
  return copy;
}

/** The bytes of the chosen rows behind each other, and where each begins. */
class HeapCopy {
  readonly bytes: Uint8Array;
  readonly keyStart: Uint32Array;
  readonly valueStart: Uint32Array;
  /** Stays `NO_PREV` where there is none. */
  readonly prevStart: Uint32Array;
  readonly #from: Uint8Array;
  #at = 0;

  constructor(data: EventBatchData, rows: Uint32Array) {
    const { prev } = data;
    let size = 0;
    for (const row of rows) {
      size += (data.keyLength[row] ?? 0) + (data.valueLength[row] ?? 0);
      if (prev !== undefined && prev.valueStart[row] !== NO_PREV) size += prev.valueLength[row] ?? 0;
    }
    this.#from = data.heap;
    this.bytes = new Uint8Array(size);
    this.keyStart = new Uint32Array(rows.length);
    this.valueStart = new Uint32Array(rows.length);
    this.prevStart = new Uint32Array(prev === undefined ? 0 : rows.length).fill(NO_PREV);
    for (const [index, row] of rows.entries()) {
      this.keyStart[index] = this.#append(data.keyStart[row] ?? 0, data.keyLength[row] ?? 0);
      this.valueStart[index] = this.#append(data.valueStart[row] ?? 0, data.valueLength[row] ?? 0);
      if (prev === undefined || prev.valueStart[row] === NO_PREV) continue;
      this.prevStart[index] = this.#append(prev.valueStart[row] ?? 0, prev.valueLength[row] ?? 0);
    }
  }

  #append(start: number, length: number): number {
    const at = this.#at;
    this.bytes.set(this.#from.subarray(start, start + length), at);
    this.#at += length;
    return at;
  }
}
