/**
 * A plain etcd client over @grpc/grpc-js with hand-written messages, for tests only: the independent reader and writer that
 * the package under test is compared with. No retries, no options, no reconnects; an error is an error.
 */
import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { allBytesOf, bytesOf, int64Of, readFields, writeFields, type RawValue } from './raw-protobuf.js';
import {
  decodeWatchResponse,
  encodeWatchCreate,
  encodeWatchProgress,
  type RawEvent,
  type RawWatchCreate,
  type RawWatchResponse,
} from './raw-watch.js';

type Bytes = Uint8Array | string;

/** An operation of a transaction or a single write. */
export type RawOperation =
  | { readonly kind: 'put'; readonly key: Bytes; readonly value: Bytes; readonly leaseId?: bigint }
  | { readonly kind: 'delete'; readonly key: Bytes; readonly rangeEnd?: Bytes };

export interface RawKeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly version: bigint;
  readonly leaseId: bigint;
}

/** One watch stream. Iterate it for the answers; leaving the loop cancels it. */
export interface RawWatchStream extends AsyncIterable<RawWatchResponse> {
  create(create: RawWatchCreate): void;
  requestProgress(): void;
  cancel(): void;
}

const EVERYTHING = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asIs = (bytes: Buffer): Buffer => bytes;

export class RawEtcd {
  readonly #client: Client;

  /** `address`: `host:port`, plain text. */
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      // Each client its own connection: a load writer must not share one with a reader.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Gives the revision of the write. */
  async put(key: Bytes, value: Bytes, leaseId?: bigint): Promise<bigint> {
    return revisionOf(await this.#call('KV/Put', putFields(key, value, leaseId)));
  }

  async delete(key: Bytes, rangeEnd?: Bytes): Promise<bigint> {
    return revisionOf(
      await this.#call('KV/DeleteRange', [
        [1, key],
        [2, rangeEnd],
      ]),
    );
  }

  /** All operations in one revision. */
  async txn(operations: readonly RawOperation[]): Promise<bigint> {
    return revisionOf(
      await this.#call(
        'KV/Txn',
        operations.map((operation) => [2, encodeOperation(operation)] as const),
      ),
    );
  }

  /** The keys of a range, and the store's revision at that moment. */
  async range(
    key: Bytes,
    rangeEnd?: Bytes,
    revision?: bigint,
  ): Promise<{ readonly revision: bigint; readonly kvs: readonly RawKeyValue[] }> {
    const answer = await this.#call('KV/Range', [
      [1, key],
      [2, rangeEnd],
      [4, revision],
    ]);
    return { revision: revisionOf(answer), kvs: allBytesOf(readFields(answer), 2).map(decodeKeyValue) };
  }

  /** The store's revision now (linearizable). */
  async revision(): Promise<bigint> {
    return revisionOf(
      await this.#call('KV/Range', [
        [1, '\0'],
        [9, true],
      ]),
    );
  }

  async compact(revision: bigint): Promise<void> {
    await this.#call('KV/Compact', [
      [1, revision],
      [2, true],
    ]);
  }

  /** Gives the id and the TTL that the server chose. */
  async grant(
    ttlSeconds: number,
    leaseId: bigint = 0n,
  ): Promise<{ readonly leaseId: bigint; readonly ttlSeconds: bigint }> {
    const fields = readFields(
      await this.#call('Lease/LeaseGrant', [
        [1, ttlSeconds],
        [2, leaseId],
      ]),
    );
    return { leaseId: int64Of(fields, 2), ttlSeconds: int64Of(fields, 3) };
  }

  async revoke(leaseId: bigint): Promise<void> {
    await this.#call('Lease/LeaseRevoke', [[1, leaseId]]);
  }

  /** Remaining seconds; -1 when there is no such lease. */
  async timeToLive(leaseId: bigint): Promise<bigint> {
    return int64Of(readFields(await this.#call('Lease/LeaseTimeToLive', [[1, leaseId]])), 3);
  }

  watch(): RawWatchStream {
    const call: ClientDuplexStream<Buffer, Buffer> = this.#client.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      asIs,
      asIs,
      new Metadata(),
    );
    // The iterator reports errors; one that comes when nobody iterates (after cancel) is nobody's business.
    call.on('error', () => undefined);
    return {
      create: (create) => void call.write(encodeWatchCreate(create)),
      requestProgress: () => void call.write(encodeWatchProgress()),
      cancel: () => {
        call.cancel();
      },
      async *[Symbol.asyncIterator]() {
        try {
          for await (const message of call) yield decodeWatchResponse(message as Buffer); // asIs deserialises to Buffer
        } finally {
          call.cancel();
        }
      },
    };
  }

  /** Everything that happened in a range from `first` to `last`, both inclusive; `last` must have happened already. */
  async history(
    first: bigint,
    last: bigint,
    range: { readonly key: Bytes; readonly rangeEnd?: Bytes } = EVERYTHING,
  ): Promise<RawEvent[]> {
    const events: RawEvent[] = [];
    if (last < first) return events;
    const stream = this.watch();
    // Watches everything: each revision has an event somewhere, so the end is seen without a progress notification.
    stream.create({ ...EVERYTHING, startRevision: first });
    for await (const response of stream) {
      if (response.canceled)
        throw new Error(`history from ${String(first)} ended: ${response.cancelReason || 'compacted'}`);
      for (const event of response.events) if (event.modRevision <= last) events.push(event);
      const newest = response.events.at(-1)?.modRevision ?? 0n;
      if (newest >= last) break;
    }
    return range === EVERYTHING ? events : events.filter(({ key }) => inRange(key, range.key, range.rangeEnd));
  }

  close(): void {
    this.#client.close();
  }

  #call(method: string, pairs: readonly (readonly [number, RawValue | undefined])[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(`/etcdserverpb.${method}`, asIs, asIs, writeFields(pairs), (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      });
    });
  }
}

/** etcd's rule: no end is one key, an end of one zero byte is everything from the key on. */
export function inRange(key: Uint8Array, start: Bytes, rangeEnd?: Bytes): boolean {
  const first = asBuffer(typeof start === 'string' ? Buffer.from(start) : start);
  if (rangeEnd === undefined || rangeEnd.length === 0) return first.equals(key);
  const end = asBuffer(typeof rangeEnd === 'string' ? Buffer.from(rangeEnd) : rangeEnd);
  const openEnded = end.length === 1 && end[0] === 0;
  return first.compare(key) <= 0 && (openEnded || end.compare(key) > 0);
}

/** The end of the range of all keys with this prefix. */
export function prefixEnd(prefix: Bytes): Uint8Array {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at -= 1) {
    const byte = end[at] ?? 0;
    if (byte < 0xff) {
      end[at] = byte + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Uint8Array.of(0);
}

function revisionOf(answer: Uint8Array): bigint {
  return int64Of(readFields(bytesOf(readFields(answer), 1)), 3);
}

function putFields(key: Bytes, value: Bytes, leaseId?: bigint): readonly (readonly [number, RawValue | undefined])[] {
  return [
    [1, key],
    [2, value],
    [3, leaseId],
  ];
}

function encodeOperation(operation: RawOperation): Buffer {
  if (operation.kind === 'put') {
    return writeFields([[2, writeFields(putFields(operation.key, operation.value, operation.leaseId))]]);
  }
  const body = writeFields([
    [1, operation.key],
    [2, operation.rangeEnd],
  ]);
  return writeFields([[3, body]]);
}

function decodeKeyValue(message: Uint8Array): RawKeyValue {
  const fields = readFields(message);
  return {
    key: bytesOf(fields, 1),
    createRevision: int64Of(fields, 2),
    modRevision: int64Of(fields, 3),
    version: int64Of(fields, 4),
    value: bytesOf(fields, 5),
    leaseId: int64Of(fields, 6),
  };
}
