import { describe, expect, it } from 'vitest';
import { EVENT_DELETE, EVENT_PUT, NO_PREV, SEGMENT_PROGRESS } from '../../../../src/wire/event-batch.js';
import { openBatch } from '../../../../src/wire/open-batch.js';
import { BatchWriter } from '../../../../src/workers/batch/batch-writer.js';
import { Rng, seeds } from '../../../support/rng.js';

interface Row {
  readonly type: number;
  readonly key: string;
  readonly value: string;
  readonly revisions: readonly [mod: number, create: number, version: number];
  readonly lease: bigint;
  readonly prev: { readonly value: string; readonly revisions: readonly number[]; readonly lease: bigint } | undefined;
}

interface Segment {
  readonly watch: number;
  readonly revision: number;
  readonly flags: number;
  readonly rows: readonly Row[];
}

/** Writes as the decoder does: each column of a row, then the row is kept. */
function write(writer: BatchWriter, segments: readonly Segment[]): void {
  for (const segment of segments) {
    for (const row of segment.rows) writeRow(writer, row);
    writer.endSegment(segment.watch, segment.revision, segment.flags);
  }
}

function writeRow(writer: BatchWriter, row: Row): void {
  const { columns } = writer;
  const at = columns.eventCount;
  if (columns.lease) columns.lease[at] = 0n;
  if (columns.prev) columns.prev.valueStart[at] = NO_PREV;
  const text = (value: string): [start: number, length: number] => {
    const bytes = Buffer.from(value);
    const start = writer.regionStart;
    writer.addRegion(bytes, 0, bytes.length);
    return [start, bytes.length];
  };
  columns.type[at] = row.type;
  [columns.keyStart[at], columns.keyLength[at]] = text(row.key);
  [columns.valueStart[at], columns.valueLength[at]] = text(row.value);
  [columns.modRevision[at], columns.createRevision[at], columns.version[at]] = row.revisions;
  if (row.lease !== 0n) writer.leaseColumn()[at] = row.lease;
  if (row.prev !== undefined) {
    const prev = writer.prevColumns();
    [prev.valueStart[at], prev.valueLength[at]] = text(row.prev.value);
    [prev.modRevision[at], prev.createRevision[at], prev.version[at]] = row.prev.revisions as [number, number, number];
    prev.lease[at] = row.prev.lease;
  }
  writer.keepEvent();
}

function read(bytes: Uint8Array): Segment[] {
  const batch = openBatch(bytes);
  const text = (start: Uint32Array, length: Uint32Array, at: number): string =>
    Buffer.from(batch.heap).toString('utf8', start[at], (start[at] ?? 0) + (length[at] ?? 0));
  let at = 0;
  const row = (): Row => {
    const { prev } = batch;
    const hasPrev = prev !== undefined && prev.valueStart[at] !== NO_PREV;
    const result: Row = {
      type: batch.type[at] ?? -1,
      key: text(batch.keyStart, batch.keyLength, at),
      value: text(batch.valueStart, batch.valueLength, at),
      revisions: [batch.modRevision[at] ?? -1, batch.createRevision[at] ?? -1, batch.version[at] ?? -1],
      lease: batch.lease?.[at] ?? 0n,
      prev: hasPrev
        ? {
            value: text(prev.valueStart, prev.valueLength, at),
            revisions: [prev.modRevision[at] ?? -1, prev.createRevision[at] ?? -1, prev.version[at] ?? -1],
            lease: prev.lease[at] ?? -1n,
          }
        : undefined,
    };
    at += 1;
    return result;
  };
  const segments = Array.from({ length: batch.segmentCount }, (_, index) => ({
    watch: batch.segmentWatch[index] ?? -1,
    revision: batch.segmentRevision[index] ?? -1,
    flags: batch.segmentFlags[index] ?? -1,
    rows: Array.from({ length: batch.segmentEvents[index] ?? 0 }, row),
  }));
  expect(at).toBe(batch.eventCount);
  return segments;
}

/** Through a port as it would go: the buffer is transferred. */
function send(bytes: Uint8Array): Uint8Array {
  const received = structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
  expect(bytes.byteLength).toBe(0);
  return received;
}

function randomRow(rng: Rng, withLeases: boolean, withPrev: boolean): Row {
  const revision = rng.pick([1, 77, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]);
  const lease = (): bigint =>
    withLeases && rng.chance(0.3) ? rng.pick([1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) : 0n;
  return {
    type: rng.pick([EVENT_PUT, EVENT_DELETE]),
    key: 'k'.repeat(rng.integer(1, 9)),
    value: 'v'.repeat(rng.pick([0, 0, 1, 30, 300])),
    revisions: [revision, rng.integer(0, 1000), rng.integer(0, 9)],
    lease: lease(),
    prev:
      withPrev && rng.chance(0.4)
        ? { value: 'p'.repeat(rng.integer(0, 20)), revisions: [rng.integer(1, 99), 3, revision], lease: lease() }
        : undefined,
  };
}

function randomBatch(rng: Rng): Segment[] {
  const withLeases = rng.chance(0.5);
  const withPrev = rng.chance(0.5);
  return Array.from({ length: rng.pick([1, 2, 70]) }, (_, index) => {
    const rows = Array.from({ length: rng.pick([0, 1, 1, 3]) }, () => randomRow(rng, withLeases, withPrev));
    const flags = rows.length === 0 ? SEGMENT_PROGRESS : 0;
    return { watch: rng.pick([index + 1, 2 ** 32 - 1]), revision: rng.integer(1, 2 ** 40), flags, rows };
  });
}

describe('batches', () => {
  it.each(seeds())('come out as they were written, one after the other from one writer (seed %d)', (seed) => {
    const rng = new Rng(seed);
    const writer = new BatchWriter();
    for (let round = 0; round < 12; round += 1) {
      const segments = randomBatch(rng);
      // Columns grow in the middle of a segment too.
      const rows = Array.from({ length: 150 }, () => randomRow(rng, true, true));
      if (round % 4 === 3) segments.push({ watch: 5, revision: 1, flags: 0, rows });
      write(writer, segments);
      expect(read(send(writer.seal()))).toEqual(segments);
      expect(writer.empty).toBe(true);
    }
  });

  it('come out right from any position in a buffer: columns are aligned again', () => {
    for (let offset = 0; offset < 9; offset += 1) {
      const writer = new BatchWriter();
      const segments = randomBatch(new Rng(offset));
      write(writer, segments);
      const bytes = writer.seal();
      const shifted = new Uint8Array(bytes.length + offset);
      shifted.set(bytes, offset);
      expect(read(shifted.subarray(offset))).toEqual(segments);
    }
  });

  it('may be empty', () => {
    expect(read(send(new BatchWriter().seal()))).toEqual([]);
  });

  it('leave out the columns of leases and previous key-values where there are none, also after one that had them', () => {
    const writer = new BatchWriter();
    const plain: Row = { type: EVENT_PUT, key: 'k', value: '', revisions: [5, 5, 1], lease: 0n, prev: undefined };
    const rich: Row = { ...plain, lease: -7n, prev: { value: '', revisions: [4, 4, 1], lease: -9n } };
    const segment = (...rows: Row[]): Segment[] => [{ watch: 1, revision: 9, flags: 0, rows }];
    for (const rows of [[plain], [rich], [plain, plain, rich, plain], [plain]]) {
      write(writer, segment(...rows));
      const bytes = send(writer.seal());
      const isRich = rows.includes(rich);
      expect(openBatch(bytes).lease !== undefined).toBe(isRich);
      expect(openBatch(bytes).prev !== undefined).toBe(isRich);
      expect(read(bytes)).toEqual(segment(...rows));
    }
  });

  it('own their whole buffer, so that transferring one takes nothing from the next', () => {
    const writer = new BatchWriter();
    const rng = new Rng(1);
    const first = randomBatch(rng);
    const second = randomBatch(rng);
    write(writer, first);
    const firstBytes = writer.seal();
    write(writer, second);
    const secondBytes = writer.seal();
    expect(firstBytes.buffer).not.toBe(secondBytes.buffer);
    expect(read(send(firstBytes))).toEqual(first);
    expect(read(send(secondBytes))).toEqual(second);
  });

  it('hold a heap much larger than the columns, and much smaller', () => {
    const writer = new BatchWriter();
    const row: Row = {
      type: EVENT_PUT,
      key: 'k',
      value: 'x'.repeat(3_000_000),
      revisions: [5, 5, 1],
      lease: 0n,
      prev: undefined,
    };
    const large = [{ watch: 1, revision: 9, flags: 0, rows: [row] }];
    write(writer, large);
    expect(read(send(writer.seal()))).toEqual(large);
    const small = [{ watch: 1, revision: 9, flags: 0, rows: [{ ...row, value: '' }] }];
    write(writer, small);
    const bytes = writer.seal();
    expect(bytes.buffer.byteLength).toBeLessThan(1 << 21);
    expect(read(send(bytes))).toEqual(small);
  });
});

describe('BatchWriter', () => {
  it('goes back to a mark as if nothing had been written since', () => {
    const writer = new BatchWriter();
    const rng = new Rng(7);
    const kept = randomBatch(rng);
    write(writer, kept);
    const { bytes } = writer;
    const mark = writer.mark();
    for (let round = 0; round < 5; round += 1) {
      for (let count = 0; count < 100; count += 1) writeRow(writer, randomRow(rng, true, true));
      writer.rollback(mark);
    }
    expect(writer.bytes).toBe(bytes);
    const more = randomBatch(rng);
    write(writer, more);
    expect(read(send(writer.seal()))).toEqual([...kept, ...more]);
  });

  it('writes no segment without events and flags', () => {
    const writer = new BatchWriter();
    writer.endSegment(1, 5, 0);
    expect(writer.empty).toBe(true);
  });

  it('starts with short columns again after one huge batch', () => {
    const writer = new BatchWriter();
    for (let count = 0; count < 70_000; count += 1) {
      writer.columns.modRevision[writer.eventCount] = count + 1;
      writer.keepEvent();
    }
    writer.endSegment(1, 9, 0);
    const batch = openBatch(send(writer.seal()));
    expect(batch.eventCount).toBe(70_000);
    expect(batch.modRevision[69_999]).toBe(70_000);
    expect(writer.columns.modRevision.length).toBeLessThan(1000);
  });
});
