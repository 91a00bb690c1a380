/**
 * Talks to an etcd in the raw, step by step, and writes down what it says as lines that can be compared between servers: without
 * ids of cluster and member, and without terms. Tests only.
 */
import { Client, credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { eventually } from './poll.js';
import {
  allBytesOf,
  bytesOf,
  int64Of,
  readFields,
  varintOf,
  writeFields,
  type RawField,
  type RawValue,
} from './raw-protobuf.js';

type Pairs = readonly (readonly [number, RawValue | undefined])[];

const asIs = (bytes: Buffer): Buffer => bytes;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export interface WatchAsk {
  readonly key?: string;
  readonly end?: string;
  readonly start?: number;
  readonly id?: number;
  readonly filters?: readonly number[];
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
  readonly progress?: boolean;
}

export class EtcdTalk {
  readonly #client: Client;

  /** @param address `host:port`. */
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** The answer's fields; a refusal is thrown as grpc-js has it. */
  call(method: string, pairs: Pairs): Promise<RawField[]> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(`/etcdserverpb.${method}`, asIs, asIs, writeFields(pairs), (error, answer) => {
        if (error !== null) reject(error);
        else resolve(readFields(answer ?? Buffer.alloc(0)));
      });
    });
  }

  async put(key: string, value: string | Uint8Array = 'v', lease = 0n): Promise<number> {
    const put = await this.call('KV/Put', [
      [1, key],
      [2, value],
      [3, lease],
    ]);
    return Number(revisionOf(put));
  }

  async delete(key: string, end?: string): Promise<void> {
    await this.call('KV/DeleteRange', [
      [1, key],
      [2, end],
    ]);
  }

  /** `key=value` puts, `key` alone deletes, `key..end` deletes a range. */
  async txn(...operations: readonly string[]): Promise<void> {
    const encoded = operations.map((operation): Buffer => {
      const [put, value] = operation.split('=');
      const [from, to] = operation.split('..');
      return value === undefined
        ? writeFields([[3, writeFields([[1, from], [2, to]])]]) // prettier-ignore
        : writeFields([[2, writeFields([[1, put], [2, value]])]]); // prettier-ignore
    });
    await this.call(
      'KV/Txn',
      encoded.map((operation) => [2, operation] as const),
    );
  }

  async compact(revision: number): Promise<void> {
    await this.call('KV/Compact', [
      [1, revision],
      [2, true],
    ]);
  }

  /** One lease call as a line; remaining times are left out. */
  async lease(method: 'Grant' | 'Revoke' | 'TimeToLive' | 'Leases', id: bigint, rest: RawValue = 0): Promise<string> {
    const pairs: Pairs = method === 'Grant' ? [[1, rest], [2, id]] : [[1, id], [2, rest]]; // prettier-ignore
    try {
      return leaseLine(method, await this.call(`Lease/Lease${method}`, method === 'Leases' ? [] : pairs));
    } catch (error) {
      const { code, details } = error as ServiceError; // what grpc-js refuses with
      return `${method} refused ${String(code)} ${details}`;
    }
  }

  stream(method: 'Watch/Watch' | 'Lease/LeaseKeepAlive'): TalkStream {
    const path = `/etcdserverpb.${method}`;
    return new TalkStream(
      this.#client.makeBidiStreamRequest(path, asIs, asIs, new Metadata()),
      method === 'Watch/Watch' ? watchLine : keepAliveLine,
    );
  }

  close(): void {
    this.#client.close();
  }
}

export class TalkStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  #lines: string[] = [];
  #status: string | undefined;

  constructor(call: ClientDuplexStream<Buffer, Buffer>, line: (message: RawField[]) => string) {
    this.#call = call;
    call.on('data', (message: Buffer) => this.#lines.push(line(readFields(message))));
    call.on('error', () => undefined);
    call.on('status', ({ code, details }) => {
      this.#status = `${String(code)} ${details}`;
    });
  }

  watch({ key, end, start = 0, id = 0, filters = [], prevKv, fragment, progress }: WatchAsk): void {
    const body = writeFields([
      [1, key],
      [2, end],
      [3, start],
      [4, progress],
      [5, filters.length === 0 ? undefined : Uint8Array.from(filters)],
      [6, prevKv],
      [7, id],
      [8, fragment],
    ]);
    this.#call.write(writeFields([[1, body]]));
  }

  cancelWatch(id: number): void {
    this.#call.write(writeFields([[2, writeFields([[1, id]])]]));
  }

  requestProgress(): void {
    this.#call.write(writeFields([[3, new Uint8Array(0)]]));
  }

  renew(id: bigint): void {
    this.#call.write(writeFields([[1, id]]));
  }

  /** Not a request: a message with nothing in it. */
  sendNothing(): void {
    this.#call.write(Buffer.alloc(0));
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Waits for so many answers. Answers of different watches come in any order: these are sorted by watch, each in its order. */
  async answers(count: number): Promise<string[]> {
    await eventually(() => this.#lines.length >= count, { what: `${String(count)} answers` });
    const order = (line: string): number => Number(/^-?\d+/.exec(line)?.[0]);
    return this.#lines.splice(0).sort((a, b) => order(a) - order(b));
  }

  /** How the call ended. */
  async status(): Promise<string> {
    return eventually(() => this.#status, { what: 'the end of the call' });
  }
}

function revisionOf(message: readonly RawField[]): bigint {
  return int64Of(readFields(bytesOf(message, 1)), 3);
}

/** Such as `0 @5 created`, `1 @6 put k=v/c2/v1 prev=x delete j`. */
function watchLine(message: RawField[]): string {
  const flag = (field: number, name: string): string[] => (varintOf(message, field) === 0n ? [] : [name]);
  const reason = text(bytesOf(message, 6));
  return [
    `${String(int64Of(message, 2))} @${String(revisionOf(message))}`,
    ...flag(3, 'created'),
    ...flag(4, 'canceled'),
    ...flag(5, `compacted ${String(int64Of(message, 5))}`),
    ...(reason === '' ? [] : [`"${reason}"`]),
    ...flag(7, 'fragment'),
    ...allBytesOf(message, 11).map((event) => eventText(readFields(event))),
  ].join(' ');
}

function eventText(event: RawField[]): string {
  const kv = readFields(bytesOf(event, 2));
  const before = bytesOf(event, 3);
  const value = text(bytesOf(kv, 5));
  return [
    `${varintOf(event, 1) === 0n ? 'put' : 'delete'} ${text(bytesOf(kv, 1))}@${String(int64Of(kv, 3))}`,
    `=${value.length < 20 ? value : String(value.length)}/c${String(int64Of(kv, 2))}/v${String(int64Of(kv, 4))}`,
    `/l${String(int64Of(kv, 6))}`,
    before.length === 0 ? '' : ` prev=${text(bytesOf(readFields(before), 5))}`,
  ].join('');
}

function keepAliveLine(message: RawField[]): string {
  return `${String(int64Of(message, 2))} ttl ${String(int64Of(message, 3))} @${String(revisionOf(message))}`;
}

function leaseLine(method: string, answer: RawField[]): string {
  const head = `${method} @${String(revisionOf(answer))}`;
  switch (method) {
    case 'Grant':
      return `${head} ${String(int64Of(answer, 2))} ttl ${String(int64Of(answer, 3))}`;
    case 'TimeToLive': {
      const keys = allBytesOf(answer, 5).map(text).sort();
      const known = int64Of(answer, 3) >= 0n ? `of ${String(int64Of(answer, 4))}` : 'unknown';
      return `${head} ${String(int64Of(answer, 2))} ${known} [${keys.join(' ')}]`;
    }
    case 'Leases':
      return `${head} ${allBytesOf(answer, 2).map((lease) => String(int64Of(readFields(lease), 1))).join(' ')}`; // prettier-ignore
    default:
      return head;
  }
}
