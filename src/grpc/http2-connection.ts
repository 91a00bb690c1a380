/**
 * A gRPC connection over node:http2. Any thread. Owns one socket, one HTTP/2 session, the set of its open
 * streams and the timers of connecting and of liveness. Never retries or reconnects.
 *
 * Everything that can end the connection (socket, session, GOAWAY, liveness, time-out, `close()`) leads to `#endAll`, which
 * tells the streams, takes socket and session down at once, and then tells the owner. It does not wait for node's own
 * 'close' events: after a GOAWAY they may depend on the peer closing its side.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type Settings } from 'node:http2';
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
import {
  connectionError,
  connectTimeoutError,
  goawayError,
  Http2Code,
  isTooManyPings,
  noAlpnError,
  notStarted,
  pingTimeoutError,
  type ConnectPhase,
} from './http2-errors.js';
import { addressFailed } from './address-race.js';
import { openSocket, type OpenedSocket } from './http2-socket.js';
import { Http2Stream, type StreamOwner } from './http2-stream.js';
import { PingLiveness } from './ping-liveness.js';
import { pingIntervalMs, tooManyPings } from './ping-pace.js';
import { refusedStream } from './refused-stream.js';
import { metadataError, requestHeaders } from './request-headers.js';
import { authorityOf } from './server-name.js';
import { holdSocket, releaseSocket } from './socket-hold.js';
import { MAX_TIMER_MS, unaryCall } from './unary-call.js';

/** Streams that a peer is taken to allow until its SETTINGS say so (the least that RFC 9113 recommends). */
const STREAMS_BEFORE_SETTINGS = 100;
/**
 * In MB. node counts all that is queued or unread of a session and answers ENHANCE_YOUR_CALM above its default of 10 MB; here the
 * windows and the owners' budgets are the limits.
 */
const MAX_SESSION_MEMORY_MB = 1 << 20;
/** The largest window of HTTP/2; node throws above it, in the middle of its own event handlers. */
const MAX_WINDOW_BYTES = 2 ** 31 - 1;

type State =
  | { readonly kind: 'opening'; readonly phase: ConnectPhase }
  | { readonly kind: 'open' }
  /** GOAWAY came: open streams live on. */
  | { readonly kind: 'leaving'; readonly goaway: EtcdError }
  | { readonly kind: 'ended'; readonly error: EtcdError };

/** Opens a connection over node:http2. Never throws: what is wrong comes through `ready()` and `onClose`. */
export const openHttp2Connection: Transport = (endpoint, settings, handlers, timers, whileIdle = 'ref') =>
  new Http2Connection(endpoint, settings, handlers, timers, whileIdle);

class Http2Connection implements GrpcConnection, StreamOwner {
  readonly endpoint: Endpoint;
  readonly endpointText: string;
  readonly maxMessageBytes: number;
  readonly #settings: ConnectionSettings;
  readonly #handlers: ConnectionHandlers;
  readonly #timers: GuardedTimers;
  readonly #authority: string;
  readonly #whileIdle: WhileIdle;
  readonly #streams: Set<Http2Stream> = new Set();
  readonly #liveness: PingLiveness;
  readonly #pingIntervalMs: number;
  readonly #ready: Promise<void>;
  #settleReady: (error: EtcdError | undefined) => void = () => undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  /** Absent where not even a socket could be made, such as with TLS material that is not PEM. */
  #link: { readonly opened: OpenedSocket; readonly session: ClientHttp2Session } | undefined;
  #maxStreams = STREAMS_BEFORE_SETTINGS;
  #state: State = { kind: 'opening', phase: 'connecting' };

  constructor(
    endpoint: Endpoint,
    settings: ConnectionSettings,
    handlers: ConnectionHandlers,
    timers: GuardedTimers,
    whileIdle: WhileIdle,
  ) {
    this.#timers = timers;
    this.#whileIdle = whileIdle;
    this.endpoint = endpoint;
    this.endpointText = endpoint.text;
    this.maxMessageBytes = settings.maxMessageBytes;
    this.#settings = settings;
    this.#handlers = handlers;
    this.#authority = authorityOf(endpoint);
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Whoever does not ask for ready() learns of the failure from onClose.
    this.#ready.catch(() => undefined);
    this.#pingIntervalMs = pingIntervalMs(endpoint.text, settings.pingIntervalMs);
    this.#liveness = new PingLiveness(
      {
        ping: (answered) => this.#ping(answered),
        bytesReceived: () => this.#link?.opened.socket.bytesRead ?? 0,
        onSilent: () => this.#endAll(pingTimeoutError(settings.pingTimeoutMs, endpoint.text)),
      },
      this.#pingIntervalMs,
      settings.pingTimeoutMs,
      timers,
    );
    this.#open();
  }

  get freeStreams(): number {
    return this.acceptsStreams ? Math.max(0, this.#maxStreams - this.#streams.size) : 0;
  }

  get acceptsStreams(): boolean {
    // A session is closed, but not yet gone, after a frame that could not be sent.
    return (this.#state.kind === 'opening' || this.#state.kind === 'open') && this.#link?.session.closed !== true;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  openStream(path: string, handlers: StreamHandlers, metadata?: Metadata): GrpcStream {
    if (this.acceptsStreams && this.freeStreams === 0) {
      const limit = String(this.#maxStreams);
      const text = `${this.endpointText} allows ${limit} streams on a connection, and all are in use: open another connection`;
      return refusedStream(handlers, this.#timers, notStarted(text, this.endpointText));
    }
    const stream = this.#request(path, handlers, metadata, undefined);
    return stream instanceof EtcdError ? refusedStream(handlers, this.#timers, stream) : stream;
  }

  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    // Above the peer's limit node keeps the request until a stream is free: calls are short, and have their time-out.
    const start = (handlers: StreamHandlers, framed: Uint8Array): GrpcStream => {
      const stream = this.#request(path, handlers, options.metadata, options.timeoutMs);
      if (stream instanceof EtcdError) return refusedStream(handlers, this.#timers, stream);
      stream.finish(framed);
      return stream;
    };
    const mayBeSent = (): boolean => this.#state.kind !== 'opening';
    return unaryCall(
      { endpointText: this.endpointText, timers: this.#timers, start, mayBeSent },
      path,
      request,
      options,
    );
  }

  hold(): void {
    if (this.#link !== undefined) holdSocket(this.#link.opened.socket);
  }

  release(): void {
    if (this.#link !== undefined) releaseSocket(this.#link.opened.socket);
  }

  close(): void {
    if (this.#state.kind === 'ended') return;
    const error = new EtcdError(`the connection to ${this.endpointText} was closed`, {
      code: 'closed',
      outcome: this.#state.kind === 'opening' ? 'not-sent' : 'unknown',
      endpoint: this.endpointText,
    });
    this.#takeDown(error);
  }

  /** From a stream. */
  released(stream: Http2Stream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#liveness.stop();
    this.#idle();
    if (this.#state.kind === 'leaving') this.#endSoon();
  }

  /** From a stream. */
  sessionIsGone(): boolean {
    return this.#link === undefined || this.#link.session.destroyed;
  }

  /** From a stream. The session's own events may come much later, or carry no reason. */
  sessionBroke(cause: Error | undefined): void {
    this.#endWithCause(cause);
  }

  #open(): void {
    const { connectTimeoutMs } = this.#settings;
    this.#connectTimer = this.#timers.setTimeout(
      () => {
        const phase = this.#state.kind === 'opening' ? this.#state.phase : 'open';
        this.#endAll(connectTimeoutError(phase, connectTimeoutMs, this.endpointText));
      },
      Math.min(connectTimeoutMs, MAX_TIMER_MS),
    );
    try {
      const opened = openSocket(this.endpoint, this.#settings.tls, {
        timers: this.#timers,
        limitMs: connectTimeoutMs,
        whileIdle: this.#whileIdle,
      });
      this.#watchSocket(opened);
      this.#link = { opened, session: this.#openSession(opened) };
      this.#idle();
    } catch (thrown) {
      // Not before the caller holds the connection.
      this.#timers.setImmediate(() => this.#endAll(connectionError(thrown, 'connecting', this.endpointText)));
    }
  }

  /** Its listeners come before those of the session, which would otherwise begin to talk to a peer without ALPN. */
  #watchSocket(opened: OpenedSocket): void {
    const { socket, secure } = opened;
    socket.on('error', (error: Error) => this.#endWithCause(error));
    socket.on('connect', () => this.#advance(secure ? 'securing' : 'greeting'));
    if (!opened.secure) return;
    const tlsSocket = opened.socket;
    tlsSocket.on('secureConnect', () => {
      if (tlsSocket.alpnProtocol === 'h2') this.#advance('greeting');
      else this.#endAll(noAlpnError(this.endpointText));
    });
  }

  #openSession(opened: OpenedSocket): ClientHttp2Session {
    const session = connect(opened.secure ? 'https://localhost' : 'http://localhost', {
      createConnection: () => opened.socket,
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
      settings: { enablePush: false, initialWindowSize: Math.min(this.#settings.streamWindowBytes, MAX_WINDOW_BYTES) },
    });
    session.on('connect', () => {
      // Earlier it would throw: only now the session has a handle.
      if (session.destroyed) return;
      session.setLocalWindowSize(Math.min(this.#settings.connectionWindowBytes, MAX_WINDOW_BYTES));
    });
    session.on('remoteSettings', (settings: Settings) => {
      this.#maxStreams = settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      this.#onReady();
    });
    session.on('goaway', (code: number, _lastStreamId: number, data?: Uint8Array) => this.#onGoaway(code, data));
    session.on('error', (error: Error) => this.#endWithCause(error));
    session.on('close', () => this.#endWithCause(undefined));
    return session;
  }

  #advance(phase: ConnectPhase): void {
    if (this.#state.kind === 'opening') this.#state = { kind: 'opening', phase };
  }

  #onReady(): void {
    if (this.#state.kind !== 'opening') return;
    this.#state = { kind: 'open' };
    this.#timers.clear(this.#connectTimer);
    this.#settleReady(undefined);
  }

  #onGoaway(code: number, data: Uint8Array | undefined): void {
    if (this.#state.kind === 'leaving' || this.#state.kind === 'ended') return;
    const text = data === undefined ? '' : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
    const goaway = goawayError(code, text, this.endpointText);
    if (isTooManyPings(text)) tooManyPings(this.endpointText, this.#pingIntervalMs);
    const wasOpening = this.#state.kind === 'opening';
    this.#state = { kind: 'leaving', goaway };
    if (wasOpening) {
      this.#timers.clear(this.#connectTimer);
      this.#settleReady(goaway);
    }
    this.#handlers.onGoaway(goaway);
    // On a code that is an error node has destroyed the session already.
    if (this.#streams.size === 0 || code !== Http2Code.NO_ERROR) this.#endSoon();
  }

  /** After GOAWAY nothing is left to wait for. Later, since a handler may still be running. */
  #endSoon(): void {
    this.#timers.setImmediate(() => this.#endWithCause(undefined));
  }

  #request(
    path: string,
    handlers: StreamHandlers,
    metadata: Metadata | undefined,
    timeoutMs: number | undefined,
  ): Http2Stream | EtcdError {
    const link = this.#link;
    const refusal = this.#whyNotNow();
    if (refusal !== undefined || link === undefined) {
      return refusal ?? notStarted(`the connection to ${this.endpointText} could not be made`, this.endpointText);
    }
    const bad = metadataError(metadata, this.endpointText);
    if (bad !== undefined) return bad;
    const scheme = this.endpoint.tls ? 'https' : 'http';
    let http2: ClientHttp2Stream;
    try {
      http2 = link.session.request(requestHeaders(scheme, this.#authority, path, metadata, timeoutMs), {
        endStream: false,
      });
    } catch (thrown) {
      // The session broke a moment ago and its events are still on their way.
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      return notStarted(`a request to ${this.endpointText} could not be begun: ${why}`, this.endpointText);
    }
    const stream = new Http2Stream(http2, handlers, this);
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#busy(link.opened);
    return stream;
  }

  /** The first stream was opened. */
  #busy({ socket }: OpenedSocket): void {
    this.#liveness.start();
    if (this.#whileIdle === 'unref') socket.ref();
  }

  /** There is no stream. */
  #idle(): void {
    if (this.#whileIdle === 'ref') return;
    this.#link?.opened.socket.unref();
    this.#connectTimer?.unref();
  }

  #whyNotNow(): EtcdError | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'opening':
      case 'open':
        return undefined;
      case 'leaving':
        return notStarted(`no new stream on this connection: ${state.goaway.message}`, this.endpointText);
      case 'ended': {
        const code = state.error.code === 'closed' ? 'closed' : 'unavailable';
        return notStarted(`no new stream on this connection: ${state.error.message}`, this.endpointText, code);
      }
      default:
        return state satisfies never;
    }
  }

  #ping(answered: (acknowledged: boolean) => void): void {
    const session = this.#link?.session;
    // Before SETTINGS the connect time-out watches; a session that is going down has its own end on the way.
    if (session === undefined || session.destroyed || session.connecting) answered(this.#state.kind === 'opening');
    else session.ping((error) => answered(error === null));
  }

  #endWithCause(cause: unknown): void {
    const state = this.#state;
    if (state.kind === 'leaving') this.#endAll(state.goaway);
    else this.#endAll(connectionError(cause, state.kind === 'opening' ? state.phase : 'open', this.endpointText));
  }

  /** Ends the connection for a reason that is not the owner's. */
  #endAll(error: EtcdError): void {
    if (this.#state.kind === 'ended') return;
    if (this.#state.kind === 'opening' && this.endpoint.kind === 'tcp') {
      addressFailed(this.endpoint.host, this.endpoint.port);
    }
    this.#takeDown(error);
    this.#handlers.onClose(error);
  }

  #takeDown(error: EtcdError): void {
    this.#state = { kind: 'ended', error };
    this.#timers.clear(this.#connectTimer);
    this.#liveness.stop();
    const streams = [...this.#streams];
    this.#streams.clear();
    this.#link?.session.destroy();
    this.#link?.opened.socket.destroy();
    this.#settleReady(error);
    for (const stream of streams) stream.endWith(error);
  }
}
