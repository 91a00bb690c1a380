/** A connection to a member of the fake cluster: unary calls, keep-alive streams, and the ways in which it ends. */
import type { ConnectionSettings, Endpoint } from '../../../src/wire/connection-settings.js';
import { EtcdError } from '../../../src/wire/errors.js';
import { GrpcStatus, serverError } from '../../../src/wire/server-errors.js';
import type {
  ConnectionHandlers,
  GrpcConnection,
  GrpcStream,
  Metadata,
  StreamHandlers,
  UnaryOptions,
} from '../../../src/grpc/grpc-connection.js';
import { readFields } from '../../support/raw-protobuf.js';
import type { FakeCluster, FakeMember } from './fake-cluster.js';
import { serveUnary } from './fake-services.js';
import { FakeKeepAliveStream } from './fake-keep-alive-stream.js';

/** One direction of a connection: in order, each message behind the one before. */
class Way {
  /** The connection broke, and what was on its way with it. */
  isLost = false;
  #lastMs = 0;
  #held: (() => void)[] = [];
  readonly #cluster: FakeCluster;
  readonly #member: FakeMember;

  constructor(cluster: FakeCluster, member: FakeMember) {
    this.#cluster = cluster;
    this.#member = member;
  }

  send(deliver: () => void): void {
    const { time, rng } = this.#cluster;
    const dueMs = Math.max(this.#lastMs, time.monotonicMs + this.#member.latencyMs * (0.5 + rng.fraction()));
    this.#lastMs = dueMs;
    time.after(dueMs - time.monotonicMs, () => {
      if (this.isLost) return;
      if (this.#member.mood === 'silent' || this.#held.length > 0) this.#held.push(deliver);
      else deliver();
    });
  }

  /** The member is heard again. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) this.send(deliver);
  }
}

export class FakeConnection implements GrpcConnection {
  readonly endpoint: Endpoint;
  readonly freeStreams = 100;
  acceptsStreams = true;
  readonly cluster: FakeCluster;
  readonly member: FakeMember;
  readonly toServer: Way;
  readonly toClient: Way;
  readonly streams = new Set<FakeKeepAliveStream>();
  #handlers: ConnectionHandlers;
  #state: 'connecting' | 'open' | 'over' = 'connecting';
  readonly #calls = new Set<(error: EtcdError) => void>();
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: EtcdError) => void = () => undefined;

  constructor(cluster: FakeCluster, member: FakeMember, settings: ConnectionSettings, handlers: ConnectionHandlers) {
    this.cluster = cluster;
    this.member = member;
    this.endpoint = member.endpoint;
    this.#handlers = handlers;
    this.toServer = new Way(cluster, member);
    this.toClient = new Way(cluster, member);
    member.connections.add(this);
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    cluster.time.after(settings.connectTimeoutMs, () => {
      this.#failToConnect();
    });
    this.#tryToConnect();
    this.#ready.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  openStream(path: string, handlers: StreamHandlers, metadata: Metadata = {}): GrpcStream {
    this.cluster.observer.streaming();
    const stream = new FakeKeepAliveStream(this, handlers, metadata['hasleader'] === 'true');
    this.streams.add(stream);
    if (this.isOver || !this.acceptsStreams) stream.endSoon(failure('unavailable', 'no new streams', 'not-sent'));
    else if (!path.endsWith('/LeaseKeepAlive'))
      stream.endSoon(serverError(GrpcStatus.UNIMPLEMENTED, `no ${path} here`, { endpoint: this.endpoint.text }));
    return stream;
  }

  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const { time } = this.cluster;
    const fields = readFields(request);
    const sentMs = time.trueMs;
    return new Promise((resolve, reject) => {
      if (this.isOver) {
        reject(failure('closed', 'the connection is closed', 'not-sent'));
        return;
      }
      let isSettled = false;
      const settle = (action: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        time.clear(timer);
        this.#calls.delete(fail);
        action();
      };
      const fail = (error: EtcdError): void => {
        settle(() => {
          reject(error);
        });
      };
      const timer = time.after(options.timeoutMs, () => {
        fail(failure('timeout', `no answer within ${String(options.timeoutMs)} ms`, 'unknown'));
      });
      this.#calls.add(fail);
      this.toServer.send(() => {
        const isGone = (): boolean => this.toServer.isLost;
        serveUnary(this.cluster, this.member, path, fields, isGone, (answer) => {
          this.toClient.send(() => {
            settle(() => {
              if (answer instanceof EtcdError) {
                reject(answer);
                return;
              }
              if (answer.granted !== undefined) {
                const { leaseId, ttlSeconds } = answer.granted;
                this.cluster.observer.answerRead('grant', leaseId, sentMs, ttlSeconds);
              }
              resolve(answer.bytes);
            });
          });
        });
      });
    });
  }

  hold(): void {
    // Nothing is read here.
  }

  release(): void {
    // As above.
  }

  close(): void {
    if (this.isOver) return;
    this.#leave(failure('closed', 'the connection was closed', 'unknown'));
  }

  /** Ends it; nothing arrives any more. */
  drop(): void {
    this.toServer.isLost = true;
    this.close();
  }

  /** It breaks. */
  cut(): void {
    if (this.isOver) return;
    this.toServer.isLost = this.cluster.rng.chance(0.5);
    this.#end(failure('unavailable', 'the connection broke', 'unknown'));
  }

  goaway(): void {
    if (this.#state !== 'open' || !this.acceptsStreams) return;
    this.acceptsStreams = false;
    this.#handlers.onGoaway(failure('unavailable', 'the member asked to go', 'not-sent'));
  }

  /** What waited goes on; what a closed connection had sent may have been lost with it. */
  moodChanged(): void {
    if (this.member.mood === 'silent') return;
    if (!this.isOver || this.cluster.rng.chance(0.5)) {
      this.toServer.flush();
      this.toClient.flush();
    }
    if (this.isOver) this.member.connections.delete(this);
    else if (this.#state === 'connecting') this.#tryToConnect();
  }

  /** Towards a silent member it goes on trying until that is heard again. */
  #tryToConnect(): void {
    this.cluster.time.after(2 * this.member.latencyMs, () => {
      if (this.#state !== 'connecting' || this.member.mood === 'silent') return;
      if (this.member.mood === 'down') this.#failToConnect();
      else {
        this.#state = 'open';
        this.#resolveReady();
      }
    });
  }

  #failToConnect(): void {
    if (this.#state !== 'connecting') return;
    this.#end(failure('connect-failed', `${this.endpoint.text} cannot be reached`, 'not-sent'));
  }

  #end(error: EtcdError): void {
    const wasConnecting = this.#state === 'connecting';
    this.#leave(error);
    if (wasConnecting) this.#rejectReady(error);
    this.#handlers.onClose(error);
  }

  #leave(error: EtcdError): void {
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'over';
    this.acceptsStreams = false;
    if (this.member.mood !== 'silent') this.member.connections.delete(this);
    if (wasConnecting) this.#rejectReady(error);
    for (const fail of [...this.#calls]) fail(error);
    for (const stream of [...this.streams]) stream.end(error);
  }
}

function failure(
  code: 'closed' | 'connect-failed' | 'timeout' | 'unavailable',
  message: string,
  outcome: 'not-sent' | 'unknown',
): EtcdError {
  return new EtcdError(message, { code, outcome });
}
