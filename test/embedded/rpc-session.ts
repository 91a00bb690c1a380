/**
 * Calls any method of a server, one after another, and writes down what came back in a form in which two servers can be
 * compared: what each draws for itself (ids of cluster, members and leases, tokens, hashes, sizes, raft's numbers) is replaced
 * by what it is; fields that hold their default are left out, as on the wire.
 */
import { Client, credentials, Metadata, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { rpcMethods, type RpcMethod } from './rpc-methods.js';

export interface CallOptions {
  readonly token?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Fields by name; 64-bit numbers as decimal texts, bytes as `bytes:` and latin1 text. */
export type Fields = Readonly<Record<string, unknown>>;

/** How a call ended. */
export type Outcome =
  | { readonly fields: Fields }
  | { readonly stream: readonly Fields[] }
  | { readonly code: number; readonly text: string };

/** One call and its outcome. */
export interface Entry {
  readonly call: string;
  readonly outcome: Outcome;
}

/** A call that waits. */
export interface PendingCall {
  /** Its outcome, written down at the place where this was awaited. */
  recorded(): Promise<Fields>;
  cancel(): void;
}

const CONNECT_TIMEOUT_MS = 100_000;
const NO_FIELDS: Fields = {};
/** Drawn by each server, or numbers of its own machinery. */
const OWN = new Set([
  ...['clusterId', 'memberId', 'raftTerm', 'raftIndex', 'raftAppliedIndex', 'dbSize', 'dbSizeInUse'],
  ...['hash', 'leader', 'token', 'blob', 'remainingBytes'],
]);
/** Lists in no order: alarms as texts, and members in that of their ids, which are drawn. */
const UNORDERED = new Set(['errors', 'members', 'alarms']);
const RELEASE = /^\d+\.\d+\.\d+$/;

export class RpcSession {
  readonly entries: Entry[] = [];
  readonly #client: Client;
  /** Ids that a server chose, in order of appearance, under the names that they are replaced by. */
  readonly #ids = new Map<string, string>();

  private constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  /** Connects to `host:port`. */
  static async connect(address: string): Promise<RpcSession> {
    const session = new RpcSession(address);
    // A member may be healthy a moment before its port is open.
    await new Promise<void>((resolve, reject) => {
      session.#client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    return session;
  }

  /** Gives what the answer says, unchanged; nothing for a refusal. */
  async call(method: string, request: object = {}, options: CallOptions = {}): Promise<Fields> {
    return this.#record(method, request, options, await this.#send(method, request, options));
  }

  /** Calls without writing anything down. */
  async silently(method: string, request: object = {}, options: CallOptions = {}): Promise<Outcome> {
    return this.#send(method, request, options);
  }

  /** Does not wait for the answer. */
  start(method: string, request: object, options: CallOptions = {}): PendingCall {
    let sent: ClientUnaryCall | undefined;
    const outcome = this.#send(method, request, options, (call) => (sent = call));
    return {
      recorded: async () => this.#record(method, request, options, await outcome),
      cancel: () => sent?.cancel(),
    };
  }

  /** From here on this text, wherever it appears, is written down under a name. */
  name(text: string, name: string): void {
    this.#ids.set(text, name);
  }

  close(): void {
    this.#client.close();
  }

  #record(method: string, request: object, { token, metadata }: CallOptions, outcome: Outcome): Fields {
    const by = token === undefined ? '' : ` as ${this.#ids.get(token) ?? JSON.stringify(token)}`;
    const sent = JSON.stringify(fieldsOf(request));
    const call = this.#renamed(`${method} ${sent}${by}${metadata === undefined ? '' : ` ${JSON.stringify(metadata)}`}`);
    this.entries.push({ call, outcome: JSON.parse(this.#renamed(JSON.stringify(outcome, own))) as Outcome }); // as written
    return 'fields' in outcome ? outcome.fields : NO_FIELDS;
  }

  #renamed(written: string): string {
    let renamed = written;
    for (const [id, name] of this.#ids) renamed = renamed.replaceAll(id, name);
    return renamed;
  }

  #send(
    name: string,
    request: object,
    { token, metadata = {} }: CallOptions,
    started: (call: ClientUnaryCall) => void = () => undefined,
  ): Promise<Outcome> {
    const method = rpcMethods.get(name);
    if (method === undefined) throw new Error(`there is no method ${name}`);
    const headers = new Metadata();
    if (token !== undefined) headers.set('token', token);
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    return method.streamsAnswers
      ? this.#stream(method, request, headers)
      : new Promise((resolve) => {
          const answered = (error: ServiceError | null, answer?: object): void => {
            resolve(error === null ? { fields: fieldsOf(answer) } : { code: error.code, text: error.details });
          };
          started(
            this.#client.makeUnaryRequest(method.path, encoder(method), decoder(method), request, headers, answered),
          );
        });
  }

  #stream(method: RpcMethod, request: object, headers: Metadata): Promise<Outcome> {
    return new Promise((resolve) => {
      const answers: Fields[] = [];
      const { path } = method;
      const call = this.#client.makeServerStreamRequest(path, encoder(method), decoder(method), request, headers);
      call.on('data', (answer: object) => void answers.push(fieldsOf(answer)));
      call.on('error', (error: ServiceError) => resolve({ code: error.code, text: error.details }));
      call.on('end', () => resolve({ stream: answers }));
    });
  }
}

/** The bytes of a text. */
export function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1');
}

/** A 64-bit id of an answer, for a request. */
export function id(decimal: unknown): { readonly low: number; readonly high: number; readonly unsigned: boolean } {
  const bits = BigInt(String(decimal));
  return { low: Number(BigInt.asIntN(32, bits)), high: Number(BigInt.asIntN(32, bits >> 32n)), unsigned: true };
}

/** A field of an answer that is a message; empty where it was not sent. */
export function message(fields: Fields, name: string): Fields {
  const value = fields[name];
  return typeof value === 'object' && value !== null ? (value as Fields) : NO_FIELDS; // made by fieldsOf
}

function encoder({ request }: RpcMethod): (message: object) => Buffer {
  return (fields) => Buffer.from(request.encode(fields).finish());
}

function decoder({ response }: RpcMethod): (bytes: Buffer) => object {
  return (encoded) => response.decode(encoded);
}

function own(name: string, value: unknown): unknown {
  if (typeof value === 'object') return value;
  return OWN.has(name) || (name === 'version' && RELEASE.test(String(value))) ? `(${name})` : value;
}

function fieldsOf(message: unknown): Fields {
  return (plain(message) ?? NO_FIELDS) as Fields; // a message becomes an object
}

/** Undefined for what is a default. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : text(value);
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => plain(item) ?? NO_FIELDS);
  if (typeof value !== 'object' || value === null)
    return value === 0 || value === false || value === '' ? undefined : value;
  if ('low' in value && 'high' in value) {
    const { low, high, unsigned } = value as { low: number; high: number; unsigned: boolean }; // a Long, or one of `id`
    const bits = (BigInt(high) << 32n) | BigInt(low >>> 0);
    return bits === 0n ? undefined : String(unsigned ? BigInt.asUintN(64, bits) : bits);
  }
  const kept = Object.entries(value)
    .filter(([name]) => !name.startsWith('$'))
    .map(([name, item]) => [name, UNORDERED.has(name) ? sorted(plain(item)) : plain(item)] as const)
    .filter(([, item]) => item !== undefined);
  return Object.fromEntries(kept);
}

function sorted(list: unknown): unknown {
  const key = (item: unknown): string => JSON.stringify({ ...(item as object), ID: undefined }); // texts spread too
  return Array.isArray(list) ? list.toSorted((one, other) => (key(one) < key(other) ? -1 : 1)) : list;
}

function text(value: Uint8Array): string {
  return `bytes:${Buffer.from(value).toString('latin1')}`;
}
