/**
 * The columnar batch: how events cross from a shard to main. One msgpack value, `[heap, [segments, events, flags,
 * columns]]`: the heap holds the received messages as they came, the columns point into it. Its layout; seal-batch.ts writes
 * it and open-batch.ts reads it.
 *
 * The heap comes first so that a shard can receive straight into the final buffer: {@link HEAP_START} bytes are kept
 * free in front of it for the msgpack prefix and the columns are appended when the batch is sealed. The few bytes of
 * msgpack are written by hand, since a packer could neither write in place nor align: the heap is padded so that the
 * columns stand at a multiple of 8, and main reads them where they are, without a copy.
 */

/** Bytes before the heap: fixarray of 2, then `bin 32` with its length. */
export const HEAP_START = 6;

/** Segment flag: no events; everything up to the segment's revision has been delivered to the watch. */
export const SEGMENT_PROGRESS = 1;

/** Event types as etcd numbers them. */
export const EVENT_PUT = 0;
export const EVENT_DELETE = 1;

/** Marks an event without a previous key-value in `prev.valueStart`. */
export const NO_PREV = 0xffff_ffff;

/** Column flag: the lease column is there (otherwise every lease is 0). */
export const HAS_LEASE = 1;
/** Column flag: the previous key-value columns are there. */
export const HAS_PREV = 2;

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
