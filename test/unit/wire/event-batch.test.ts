import { unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { HEAP_START, type EventColumns, type PrevColumns } from '../../../src/wire/event-batch.js';
import { openBatch } from '../../../src/wire/open-batch.js';
import { sealBatch } from '../../../src/wire/seal-batch.js';

/** Columns with a different number in every place; longer than they count, as a writer's are. */
function columnsOf(segments: number, events: number, extras: { lease: boolean; prev: boolean }): EventColumns {
  const room = 7;
  let next = 1;
  const float64 = (count: number): Float64Array => Float64Array.from({ length: count + room }, () => next++ * 2 ** 33);
  const uint32 = (count: number): Uint32Array => Uint32Array.from({ length: count + room }, () => next++);
  const uint8 = (count: number): Uint8Array => Uint8Array.from({ length: count + room }, () => next++ & 0xff);
  const int64 = (count: number): BigInt64Array =>
    BigInt64Array.from({ length: count + room }, () => BigInt(next++) - 2n ** 63n);
  const prev = (): PrevColumns => ({
    valueStart: uint32(events),
    valueLength: uint32(events),
    modRevision: float64(events),
    createRevision: float64(events),
    version: float64(events),
    lease: int64(events),
  });
  return {
    segmentCount: segments,
    eventCount: events,
    segmentWatch: uint32(segments),
    segmentEvents: uint32(segments),
    segmentRevision: float64(segments),
    segmentFlags: uint8(segments),
    type: uint8(events),
    keyStart: uint32(events),
    keyLength: uint32(events),
    valueStart: uint32(events),
    valueLength: uint32(events),
    modRevision: float64(events),
    createRevision: float64(events),
    version: float64(events),
    lease: extras.lease ? int64(events) : undefined,
    prev: extras.prev ? prev() : undefined,
  };
}

/** Arrays cut to what counts, so that a batch compares with what was sealed. */
function counted(columns: EventColumns): unknown {
  const { segmentCount, eventCount } = columns;
  const cut = (name: string, column: unknown): unknown => {
    if (ArrayBuffer.isView(column)) {
      const values = Array.from(column as unknown as ArrayLike<number | bigint>); // typed arrays only
      return values.slice(0, name.startsWith('segment') ? segmentCount : eventCount);
    }
    if (typeof column !== 'object' || column === null) return column;
    return Object.fromEntries(Object.entries(column).map(([inner, value]) => [inner, cut(inner, value)]));
  };
  const names = Object.entries(columns).filter(([name]) => name !== 'heap');
  return Object.fromEntries(names.map(([name, value]) => [name, cut(name, value)]));
}

function heapOf(bytes: number, room: number): Uint8Array {
  const buffer = new Uint8Array(HEAP_START + bytes + room).fill(0xee);
  for (let index = 0; index < bytes; index += 1) buffer[HEAP_START + index] = index & 0x7f;
  return buffer;
}

const sizes = [
  [1, 0],
  [1, 1],
  [3, 24],
  [24, 24],
  [24, 25],
  [25, 24],
  [25, 25],
  [25, 0],
  [1_000, 2_000],
] as const;
const extras = [
  { lease: false, prev: false },
  { lease: true, prev: false },
  { lease: false, prev: true },
  { lease: true, prev: true },
];

describe('a sealed batch', () => {
  it.each(sizes)('of %i segments and %i events opens as what it was', (segments, events) => {
    for (const extra of extras) {
      const columns = columnsOf(segments, events, extra);
      // Every length of heap modulo 8, so every padding.
      for (let heapBytes = 0; heapBytes < 9; heapBytes += 1) {
        const sealed = sealBatch(heapOf(heapBytes, 0), HEAP_START + heapBytes, columns);
        const opened = openBatch(sealed);
        expect(counted(opened)).toEqual(counted(columns));
        expect(Array.from(opened.heap.subarray(0, heapBytes))).toEqual(Array.from({ length: heapBytes }, (_, i) => i));
      }
    }
  });

  it('is read where it lies, without a copy of its columns', () => {
    const sealed = sealBatch(heapOf(5, 0), HEAP_START + 5, columnsOf(2, 30, { lease: true, prev: true }));
    const opened = openBatch(sealed);
    expect(opened.modRevision.buffer).toBe(sealed.buffer);
    expect(opened.heap.buffer).toBe(sealed.buffer);
  });

  it('opens from an unaligned place too', () => {
    const columns = columnsOf(2, 30, { lease: true, prev: true });
    const sealed = sealBatch(heapOf(5, 0), HEAP_START + 5, columns);
    const moved = new Uint8Array(sealed.length + 3);
    moved.set(sealed, 3);
    expect(counted(openBatch(moved.subarray(3)))).toEqual(counted(columns));
  });

  it('is sealed in the buffer of its heap where that fits without much waste, otherwise in an exact copy', () => {
    const columns = columnsOf(2, 4, { lease: false, prev: false });
    const fitting = heapOf(1_000, 1_000);
    expect(sealBatch(fitting, HEAP_START + 1_000, columns).buffer).toBe(fitting.buffer);
    const wasteful = heapOf(1_000, 10_000);
    const copied = sealBatch(wasteful, HEAP_START + 1_000, columns);
    expect(copied.buffer).not.toBe(wasteful.buffer);
    expect(copied.buffer.byteLength).toBe(copied.length);
  });

  it('is plain msgpack', () => {
    const columns = columnsOf(3, 40, { lease: true, prev: false });
    const sealed = sealBatch(heapOf(11, 0), HEAP_START + 11, columns);
    expect(unpack(sealed)).toEqual([expect.any(Uint8Array), [3, 40, 1, expect.any(Uint8Array)]]);
  });
});
