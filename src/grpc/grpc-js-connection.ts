/**
 * A gRPC connection over grpc-js: for its proxies and channel options, and as the reference beside http2-connection.ts.
 * Any thread. Owns one grpc-js client with a subchannel pool of its own, its open streams and the connect timer.
 *
 * grpc-js reconnects by itself and does not say why a connection was lost; this class watches the channel's state and
 * ends for good at the first failure. A channel that is no longer READY either got GOAWAY (then its calls live on) or
 * lost its connection (then grpc-js ends them within two turns of the event loop).
 */
import { connectivityState, Metadata as GrpcJsMetadata, type CallOptions, type Client } from '@grpc/grpc-js';
import type { GuardedTimers } from '../wire/guarded-timers.js';
import type { ConnectionSettings, Endpoint } from '../wire/connection-settings.js';
import { EtcdError } from '../wire/errors.js';
import type {
  ConnectionHandlers,
  GrpcConnection,
  GrpcStream,
  Metadata,
  StreamHandlers,
  Transport,
  UnaryOptions,
  WhileIdle,
} from './grpc-connection.js';
import { grpcJsClient } from './grpc-js-channel.js';
import { GrpcJsStream } from './grpc-js-stream.js';
import {
  connectFailed,
  connectionError,
  connectTimeoutError,
  goawayError,
  Http2Code,
  notStarted,
} from './http2-errors.js';
import { refusedStream } from './refused-stream.js';
import { metadataError } from './request-headers.js';
import { MAX_TIMER_MS, unaryCall } from './unary-call.js';

type State =
  | { readonly kind: 'opening' }
  | { readonly kind: 'open' }
  /** The channel left READY: calls live on, or are about to be told that the connection broke. */
  | { readonly kind: 'leaving'; readonly error: EtcdError }
  | { readonly kind: 'ended'; readonly error: EtcdError };

/** Opens a connection over grpc-js. Never throws: what is wrong comes through `ready()` and `onClose`. */
export const openGrpcJsConnection: Transport = (endpoint, settings, handlers, timers, whileIdle = 'ref') =>
  new GrpcJsConnection(endpoint, settings, handlers, timers, whileIdle);

class GrpcJsConnection implements GrpcConnection {
  readonly endpoint: Endpoint;
  readonly #handlers: ConnectionHandlers;
  readonly #timers: GuardedTimers;
  readonly #streams: Set<GrpcJsStream> = new Set();
  readonly #ready: Promise<void>;
  #settleReady: (error: EtcdError | undefined) => void = () => undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  /** Absent where no client could be made, such as with TLS material that is not PEM. */
  #client: Client | undefined;
  #state: State = { kind: 'opening' };

  constructor(
    endpoint: Endpoint,
    settings: ConnectionSettings,
    handlers: ConnectionHandlers,
    timers: GuardedTimers,
    whileIdle: WhileIdle,
  ) {
    this.#timers = timers;
    this.endpoint = endpoint;
    this.#handlers = handlers;
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Whoever does not ask for ready() learns of the failure from onClose.
    this.#ready.catch(() => undefined);
    this.#connectTimer = this.#timers.setTimeout(
      () => {
        this.#endAll(connectTimeoutError('open', settings.connectTimeoutMs, endpoint.text));
      },
      Math.min(settings.connectTimeoutMs, MAX_TIMER_MS),
    );
    // grpc-js's own sockets hold the process for their calls only.
    if (whileIdle === 'unref') this.#connectTimer.unref();
    try {
      this.#client = grpcJsClient(endpoint, settings);
      this.#client.getChannel().getConnectivityState(true);
      this.#watchState();
    } catch (thrown) {
      // Not before the caller holds the connection.
      this.#timers.setImmediate(() => this.#endAll(connectionError(thrown, 'connecting', endpoint.text)));
    }
  }

  /** Unknown to grpc-js's callers: calls above the peer's limit wait inside it. */
  get freeStreams(): number {
    return this.acceptsStreams ? Number.POSITIVE_INFINITY : 0;
  }

  get acceptsStreams(): boolean {
    return this.#state.kind === 'opening' || this.#state.kind === 'open';
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  openStream(path: string, handlers: StreamHandlers, metadata?: Metadata): GrpcStream {
    const stream = this.#call(path, handlers, metadata, {});
    return stream instanceof EtcdError ? refusedStream(handlers, this.#timers, stream) : stream;
  }

  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const start = (handlers: StreamHandlers, framed: Uint8Array): GrpcStream => {
      const deadline = Date.now() + options.timeoutMs;
      const stream = this.#call(path, handlers, options.metadata, { deadline });
      if (stream instanceof EtcdError) return refusedStream(handlers, this.#timers, stream);
      stream.finish(framed);
      return stream;
    };
    const mayBeSent = (): boolean => this.#state.kind !== 'opening';
    return unaryCall(
      { endpointText: this.endpoint.text, timers: this.#timers, start, mayBeSent },
      path,
      request,
      options,
    );
  }

  /** grpc-js keeps its sockets to itself. */
  hold(): void {
    return;
  }

  release(): void {
    return;
  }

  close(): void {
    if (this.#state.kind === 'ended') return;
    const error = new EtcdError(`the connection to ${this.endpoint.text} was closed`, {
      code: 'closed',
      outcome: this.#state.kind === 'opening' ? 'not-sent' : 'unknown',
      endpoint: this.endpoint.text,
    });
    this.#takeDown(error);
  }

  #call(
    path: string,
    handlers: StreamHandlers,
    metadata: Metadata | undefined,
    options: CallOptions,
  ): GrpcJsStream | EtcdError {
    const state = this.#state;
    const client = this.#client;
    if (client === undefined || state.kind === 'leaving' || state.kind === 'ended') {
      const error = state.kind === 'leaving' || state.kind === 'ended' ? state.error : undefined;
      const text = `no new stream on this connection: ${error?.message ?? 'it could not be made'}`;
      return notStarted(text, this.endpoint.text, error?.code === 'closed' ? 'closed' : 'unavailable');
    }
    const bad = metadataError(metadata, this.endpoint.text);
    if (bad !== undefined) return bad;
    const headers = new GrpcJsMetadata();
    for (const [name, value] of Object.entries(metadata ?? {})) headers.set(name, value);
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, headers, options);
    const stream = new GrpcJsStream(call, handlers, this.endpoint.text, (ended) => this.#released(ended));
    this.#streams.add(stream);
    return stream;
  }

  #released(stream: GrpcJsStream): void {
    this.#streams.delete(stream);
    // After GOAWAY: the last call is over, and with it the connection. Later, since a handler may still be running.
    if (this.#streams.size === 0 && this.#state.kind === 'leaving') this.#timers.setImmediate(() => this.#endIfLeft());
  }

  #watchState(): void {
    const channel = this.#client?.getChannel();
    if (channel === undefined || this.#state.kind === 'ended') return;
    const seen = channel.getConnectivityState(false);
    this.#onState(seen);
    channel.watchConnectivityState(seen, Number.POSITIVE_INFINITY, () => this.#watchState());
  }

  #onState(seen: connectivityState): void {
    switch (this.#state.kind) {
      case 'opening':
        if (seen === connectivityState.READY) this.#onReady();
        else if (seen === connectivityState.TRANSIENT_FAILURE) this.#askWhy();
        return;
      case 'open':
        if (seen !== connectivityState.READY) this.#onLeftReady();
        return;
      case 'leaving':
        // A call that was caught in between made grpc-js connect again: this is no longer the same connection.
        if (seen !== connectivityState.IDLE) this.#timers.setImmediate(() => this.#endIfLeft(true));
        return;
      case 'ended':
        return;
      default:
        return this.#state satisfies never;
    }
  }

  #onReady(): void {
    this.#state = { kind: 'open' };
    this.#timers.clear(this.#connectTimer);
    this.#settleReady(undefined);
  }

  /** Only the status of a call tells why grpc-js could not connect; this one fails at once and sends nothing. */
  #askWhy(): void {
    const handlers: StreamHandlers = {
      onMessage: () => undefined,
      onEnd: (error) =>
        this.#timers.setImmediate(() => this.#endAll(error ?? connectFailed('the channel failed', this.endpoint.text))),
    };
    this.#call('/', handlers, undefined, {});
  }

  #onLeftReady(): void {
    this.#state = { kind: 'leaving', error: connectionError(undefined, 'open', this.endpoint.text) };
    // grpc-js tells the calls of a lost connection in the next turn, and their statuses pass one more.
    this.#timers.setImmediate(() => {
      this.#timers.setImmediate(() => {
        this.#timers.setImmediate(() => this.#afterLeaving());
      });
    });
  }

  #afterLeaving(): void {
    if (this.#state.kind !== 'leaving') return;
    if (this.#streams.size === 0) {
      this.#endAll(this.#state.error);
      return;
    }
    const error = goawayError(Http2Code.NO_ERROR, '', this.endpoint.text);
    this.#state = { kind: 'leaving', error };
    this.#handlers.onGoaway(error);
  }

  #endIfLeft(evenWithStreams = false): void {
    if (this.#state.kind === 'leaving' && (evenWithStreams || this.#streams.size === 0))
      this.#endAll(this.#state.error);
  }

  /** Ends the connection for a reason that is not the owner's. */
  #endAll(error: EtcdError): void {
    if (this.#state.kind === 'ended') return;
    this.#takeDown(error);
    this.#handlers.onClose(error);
  }

  #takeDown(error: EtcdError): void {
    this.#state = { kind: 'ended', error };
    this.#timers.clear(this.#connectTimer);
    this.#settleReady(error);
    for (const stream of [...this.#streams]) stream.endWith(error);
    this.#client?.close();
  }
}

function asIs(message: Buffer): Buffer {
  return message;
}
