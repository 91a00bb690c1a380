/**
 * One watch stream of a compared server: sends requests, writes down per watch what came, as lines without ids of cluster and
 * member and without terms. How events are grouped into answers is not written down, nor the headers of answers with events.
 */
import { Metadata, type Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { etcdserverpb as rpc, mvccpb } from '../../../src/generated/etcd.js';
import { longFromId, longFromNumber, type Long } from '../../../src/embedded/long.js';
import { bigintFromLong } from '../../../src/wire/int64.js';
import { eventually } from '../../support/poll.js';

type Key = Uint8Array;

/** A watch to create; see etcd's WatchCreateRequest. */
export interface WatchRequest {
  readonly key: Key;
  readonly rangeEnd?: Key | undefined;
  readonly startRevision?: number | undefined;
  readonly watchId?: number | undefined;
  readonly filters?: readonly number[] | undefined;
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
  readonly progressNotify?: boolean;
}

const encode = (request: rpc.WatchRequest.$Properties): Buffer =>
  Buffer.from(rpc.WatchRequest.encode(request).finish());
const ANSWER_TIMEOUT_MS = 100_000;
/** No answer within this: not all watches had caught up when the request came. */
const SILENCE_MS = 250;
/** etcd looks after watches that begin in the past every 100 ms. */
const CATCH_UP_MS = 110;

export class WatchLane {
  /** For each create request, in order: everything that came for its watch. */
  readonly watches: string[][] = [];
  /** Progress answers that were asked for by {@link progress}. */
  readonly progressAnswers: string[] = [];
  readonly #name: string;
  readonly #call: ClientDuplexStream<Buffer, rpc.WatchResponse>;
  readonly #byId = new Map<string, string[]>();
  readonly #compacted = new Set<string>();
  #created = 0;
  #canceled = 0;
  #progress = 0;
  #lastProgress = '';
  #pastMs = -Infinity;
  #status: string | undefined;

  /** @param name of the server, for errors. */
  constructor(name: string, client: Client, token: string | undefined) {
    this.#name = name;
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('token', token);
    this.#call = client.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      (bytes: Buffer) => bytes,
      (bytes) => rpc.WatchResponse.decode(bytes),
      metadata,
    );
    this.#call.on('data', (answer: rpc.WatchResponse) => {
      this.#take(answer);
    });
    this.#call.on('error', (error: ServiceError) => {
      this.#status = `${error.code} ${error.details}`;
    });
  }

  /** The ids of watches that were created and have not been canceled. */
  get live(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** Those of them that were told that their revision is compacted: until they are canceled, they take up their id. */
  get compacted(): readonly string[] {
    return [...this.#compacted];
  }

  /** How many lines there are of each watch. */
  get counts(): string {
    return this.watches.map((lines) => lines.length).join();
  }

  async create(request: WatchRequest): Promise<void> {
    const { key, rangeEnd, startRevision = 0, watchId = 0, filters = [], ...flags } = request;
    const before = this.#created;
    const numbers = { startRevision: longFromNumber(startRevision), watchId: longFromNumber(watchId) };
    const createRequest = { key, rangeEnd: rangeEnd ?? Buffer.alloc(0), ...numbers, filters: [...filters], ...flags };
    this.#call.write(encode({ createRequest }));
    if (startRevision !== 0) this.#pastMs = performance.now();
    await this.#until(() => this.#created > before, 'the answer to a watch create request');
  }

  /** Call it when all has been delivered. A cancel of a watch that there is not gets no answer. */
  async cancel(watchId: string): Promise<void> {
    const answered = this.#byId.has(watchId);
    const before = this.#canceled;
    this.#call.write(encode({ cancelRequest: { watchId: longFromId(BigInt(watchId)) } }));
    if (answered) await this.#until(() => this.#canceled > before, 'the answer to a watch cancel request');
  }

  /** A progress answer, written down. Call it when all has been delivered and a watch is live. */
  async progress(): Promise<void> {
    await this.#roundTrip();
    this.progressAnswers.push(this.#lastProgress);
  }

  /** Waits until all watches have caught up and everything has come. */
  async settle(): Promise<void> {
    if (this.#byId.size === 0) return;
    await this.#roundTrip();
  }

  close(): void {
    this.#call.cancel();
  }

  async #roundTrip(): Promise<void> {
    const sinceMs = performance.now() - this.#pastMs;
    if (sinceMs < CATCH_UP_MS) await new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS - sinceMs));
    this.#pastMs = -Infinity;
    const before = this.#progress;
    const untilMs = performance.now() + ANSWER_TIMEOUT_MS;
    while (this.#progress === before) {
      // A compacted watch never catches up: the stream is silent until it is canceled.
      if (this.#compacted.size > 0) return;
      if (performance.now() > untilMs)
        throw new Error(
          `no progress answer from ${this.#name}; watches: ${JSON.stringify(this.watches.map(([first, ...rest]) => [first, rest.at(-1)]))}`,
        );
      this.#call.write(encode({ progressRequest: {} }));
      await eventually(() => this.#progress > before, { timeoutMs: SILENCE_MS, intervalMs: 1 }).catch(() => undefined);
      this.#check();
    }
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    await eventually(
      () => {
        this.#check();
        return condition();
      },
      { timeoutMs: ANSWER_TIMEOUT_MS, intervalMs: 1, what },
    );
  }

  #check(): void {
    if (this.#status !== undefined) throw new Error(`the watch stream of ${this.#name} ended: ${this.#status}`);
  }

  #take(answer: rpc.WatchResponse): void {
    const id = decimal(answer.watchId);
    const revision = decimal(answer.header?.revision);
    if (id === '-1' && revision !== '0' && !answer.created && !answer.canceled && answer.events.length === 0) {
      this.#lastProgress = `progress @${revision}`;
      this.#progress += 1;
      return;
    }
    const flags = [
      answer.created ? ' created' : '',
      answer.canceled ? ' canceled' : '',
      decimal(answer.compactRevision) === '0' ? '' : ` compacted ${decimal(answer.compactRevision)}`,
      answer.cancelReason === '' ? '' : ` "${answer.cancelReason}"`,
    ].join('');
    if (answer.created) {
      const lines = [`${id} @${revision}${flags}`];
      this.watches.push(lines);
      this.#created += 1;
      if (!answer.canceled) this.#byId.set(id, lines);
      return;
    }
    const lines = this.#byId.get(id);
    if (lines === undefined) {
      this.watches.push([`an answer to no watch: ${id} @${revision}${flags}`]);
      return;
    }
    lines.push(...answer.events.map(eventLine));
    const compacted = revision === '0';
    if (flags === '' && !compacted) return;
    lines.push(`@${revision}${flags}`);
    // Told by the header, as it is by etcd after a compaction to revision 0.
    if (compacted) {
      this.#compacted.add(id);
      return;
    }
    if (!answer.canceled) return;
    this.#canceled += 1;
    this.#compacted.delete(id);
    this.#byId.delete(id);
  }
}

function eventLine(event: mvccpb.Event.$Properties): string {
  const before = event.prevKv === null || event.prevKv === undefined ? '' : ` before ${kvText(event.prevKv)}`;
  return `${event.type === mvccpb.Event.EventType.DELETE ? 'delete' : 'put'} ${kvText(event.kv ?? {})}${before}`;
}

function kvText(kv: mvccpb.KeyValue.$Properties): string {
  const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('latin1');
  return (
    `${text(kv.key)}=${text(kv.value)}` +
    `/c${decimal(kv.createRevision)}/m${decimal(kv.modRevision)}/v${decimal(kv.version)}/l${decimal(kv.lease)}`
  );
}

function decimal(value: Long | null | undefined): string {
  return String(bigintFromLong(value));
}
