/** WatchRequest and WatchResponse on the wire, for tests; independent of the package's decoder. Pure. */
import { allBytesOf, bytesOf, int64Of, readFields, varintOf, writeFields } from './raw-protobuf.js';

export interface RawEvent {
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  readonly version: bigint;
  readonly leaseId: bigint;
}

export interface RawWatchResponse {
  readonly watchId: bigint;
  readonly headerRevision: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly fragment: boolean;
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly events: readonly RawEvent[];
}

export function decodeWatchResponse(message: Uint8Array): RawWatchResponse {
  const fields = readFields(message);
  return {
    headerRevision: int64Of(readFields(bytesOf(fields, 1)), 3),
    watchId: int64Of(fields, 2),
    created: varintOf(fields, 3) !== 0n,
    canceled: varintOf(fields, 4) !== 0n,
    compactRevision: int64Of(fields, 5),
    cancelReason: Buffer.from(bytesOf(fields, 6)).toString(),
    fragment: varintOf(fields, 7) !== 0n,
    events: allBytesOf(fields, 11).map(decodeEvent),
  };
}

function decodeEvent(message: Uint8Array): RawEvent {
  const fields = readFields(message);
  const kv = readFields(bytesOf(fields, 2));
  return {
    type: varintOf(fields, 1) === 0n ? 'put' : 'delete',
    key: bytesOf(kv, 1),
    createRevision: int64Of(kv, 2),
    modRevision: int64Of(kv, 3),
    version: int64Of(kv, 4),
    value: bytesOf(kv, 5),
    leaseId: int64Of(kv, 6),
  };
}

export interface RawWatchCreate {
  readonly key: Uint8Array | string;
  readonly rangeEnd?: Uint8Array | string;
  readonly startRevision?: bigint;
  readonly watchId?: bigint;
  readonly prevKv?: boolean;
  readonly progressNotify?: boolean;
  readonly fragment?: boolean;
}

export function encodeWatchCreate(create: RawWatchCreate): Buffer {
  const body = writeFields([
    [1, create.key],
    [2, create.rangeEnd],
    [3, create.startRevision],
    [4, create.progressNotify],
    [6, create.prevKv],
    [7, create.watchId],
    [8, create.fragment],
  ]);
  return writeFields([[1, body]]);
}

export function encodeWatchProgress(): Buffer {
  return writeFields([[3, new Uint8Array(0)]]);
}
