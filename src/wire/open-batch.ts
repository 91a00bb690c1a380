/** Reads a batch, in the layout of event-batch.ts. Main thread; pure. Only this file uses msgpackr. */
import type * as msgpackr from 'msgpackr';
// msgpackr itself would load native code, for texts, of which a batch has none.
import * as reader from 'msgpackr/unpack';
import { HAS_LEASE, HAS_PREV, type EventBatchData } from './event-batch.js';

// Its declarations lead nowhere under nodenext; they are those of the package.
const { Unpackr } = reader as Pick<typeof msgpackr, 'Unpackr'>;
const unpackr = new Unpackr({ useRecords: false, copyBuffers: false });

/** Reads a batch that seal-batch.ts made. Columns and heap are views on `bytes`. */
export function openBatch(bytes: Uint8Array): EventBatchData {
  const [heap, [segmentCount, eventCount, flags, block]] = unpackr.unpack(bytes) as BatchValue; // our own writer's shape
  return new BlockReader(block).columns(heap, segmentCount, eventCount, flags);
}

type BatchValue = [heap: Uint8Array, rest: [segments: number, events: number, flags: number, columns: Uint8Array]];

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
