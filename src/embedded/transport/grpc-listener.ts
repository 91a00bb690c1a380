/**
 * One endpoint of the server: its socket, the connections of its clients, the way of each call to its method. HTTP/1 and HTTP/2 share it. Over
 * node:http2 directly: a unary call costs half the CPU time that it does over grpc-js's server, nothing has to be loaded,
 * and every connection can be got hold of. Server thread.
 */
import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import type { Service } from '../services/service.js';
import { exchangeOfStream } from '../web/web-exchange.js';
import type { WebPages } from '../web/web-pages.js';
import { HttpCallContext, type ConnectionFacts } from './call-context.js';
import { deadlineExceeded, MalformedTimeout, timeoutMs } from './call-deadline.js';
import { ANSWER_HEADERS, failureOf, failureTrailers } from './call-status.js';
import { messageEncoding } from './message-encoding.js';
import { Http1Server } from './http1-server.js';
import { FrameReader } from './message-frames.js';
import { sniffProtocol } from './protocol-sniffer.js';
import { Routes } from './routes.js';
import { openServerSocket, type ListenAddress, type ServerTls } from './server-socket.js';
import { HttpStreamCall } from './stream-call.js';
import { refuseCall, resetUnlessEnded, serveUnary } from './unary-call.js';

/** What a listener is made of. */
export interface ListenerOptions {
  readonly address: ListenAddress;
  readonly tls?: ServerTls | undefined;
  readonly services: readonly Service[];
  /** What answers requests that are not gRPC's. */
  readonly pages: WebPages;
  /** The largest message that is taken. */
  readonly maxMessageBytes: number;
}

const WINDOW_BYTES = 1024 * 1024;

const SESSION_OPTIONS = {
  // etcd sets no limit to the streams of a connection.
  settings: { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: 2 ** 32 - 1, enablePush: false },
  // In megabytes. Node would refuse streams when a slow client makes the server hold more than 10.
  maxSessionMemory: 4_096,
  // Calls that clients cancel. Node would close the connection after a thousand at once; it reads these from Node 22 on.
  streamResetBurst: 1_000_000,
  streamResetRate: 1_000_000,
};

/** Listens, and serves. */
export class GrpcListener {
  /** As clients write it. */
  readonly endpoint: string;
  readonly #server: Server;
  readonly #routes: Routes;
  readonly #maxMessageBytes: number;
  readonly #pages: WebPages;
  readonly #http1: Http1Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<ServerHttp2Session, Socket>();
  #closed = false;

  private constructor(endpoint: string, server: Server, { services, pages, maxMessageBytes }: ListenerOptions) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#routes = new Routes(services);
    this.#maxMessageBytes = maxMessageBytes;
    this.#pages = pages;
    this.#http1 = new Http1Server(pages);
  }

  /** @throws EtcdError `connect-failed` when the address cannot be had. */
  static async open(options: ListenerOptions): Promise<GrpcListener> {
    const opened = await openServerSocket(options.address, options.tls);
    const listener = new GrpcListener(opened.endpoint, opened.server, options);
    opened.onConnection((socket) => {
      listener.#accept(socket);
    });
    return listener;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Destroys every connection; the listener goes on. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Tells every client to open no more calls here; HTTP/1 has no word for it. */
  goAwayAll(): void {
    for (const session of this.#sessions.keys()) session.goaway(constants.NGHTTP2_NO_ERROR);
  }

  /** Ends all connections and gives the address back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    // The sockets first: else their clients are told of calls reset, where etcd's are told of a connection lost.
    for (const socket of this.#sockets) socket.destroy();
    for (const session of this.#sessions.keys()) session.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    // Whatever goes wrong with a client's connection ends that connection.
    socket.on('error', () => undefined);
    if (this.#closed) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
    });
    sniffProtocol(socket, (protocol) => {
      if (protocol === 'http2') this.#serveHttp2(socket);
      else this.#http1.serve(socket, this.#factsOf(socket));
    });
  }

  #serveHttp2(socket: Socket): void {
    const session = performServerHandshake(socket, SESSION_OPTIONS);
    session.setLocalWindowSize(WINDOW_BYTES);
    session.on('error', () => undefined);
    this.#sessions.set(session, socket);
    session.on('close', () => {
      this.#sessions.delete(session);
      socket.destroy();
    });
    const facts = this.#factsOf(socket, session);
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      this.#serve(stream, headers, facts);
    });
  }

  #factsOf(socket: Socket, session?: ServerHttp2Session): ConnectionFacts {
    return {
      endpoint: this.endpoint,
      certificateName: certificateName(socket),
      connection: {
        cut: () => {
          socket.destroy();
        },
        goAway: () => {
          session?.goaway(constants.NGHTTP2_NO_ERROR);
        },
      },
    };
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, facts: ConnectionFacts): void {
    // A reset by the client is an error event too; the close event tells it to those concerned.
    stream.on('error', () => undefined);
    if (!isGrpc(headers)) {
      // etcd serves other requests of HTTP/2 over TLS only: without it, whatever speaks HTTP/2 is taken for gRPC.
      if (stream.session?.encrypted === true) this.#pages.serve(exchangeOfStream(stream, headers), facts);
      else refuseRequest(stream, headers);
      return;
    }
    try {
      const limitMs = timeoutMs(headers['grpc-timeout']);
      // A call that comes too late is not begun.
      if (limitMs !== undefined && limitMs <= 0) throw deadlineExceeded();
      const method = this.#routes.find(headers[':path'] ?? '');
      const reader = new FrameReader(messageEncoding(headers['grpc-encoding']), this.#maxMessageBytes);
      const context = new HttpCallContext(headers, facts);
      if (method.kind === 'unary') serveUnary(method, { stream, reader, context, limitMs });
      else new HttpStreamCall(stream, reader, context, limitMs).serve(method);
    } catch (thrown) {
      if (thrown instanceof MalformedTimeout) refuseTimeout(stream, thrown);
      else refuseCall(stream, failureOf(thrown));
    }
  }
}

function refuseTimeout(stream: ServerHttp2Stream, { message }: MalformedTimeout): void {
  const failure = new RpcFailure(GrpcStatus.INTERNAL, `malformed grpc-timeout: ${message}`);
  stream.respond({ ...ANSWER_HEADERS, ...failureTrailers(failure), ':status': 400 }, { endStream: true });
  stream.resume();
  resetUnlessEnded(stream);
}

/** As etcd's gRPC library does: of an HTTP status and, but for other methods, a gRPC one. */
function refuseRequest(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (headers[':method'] !== 'POST') {
    stream.respond({ ':status': 405 }, { endStream: true });
    return;
  }
  const failure = new RpcFailure(
    GrpcStatus.INVALID_ARGUMENT,
    `invalid gRPC request content-type ${JSON.stringify(headers['content-type'] ?? '')}`,
  );
  stream.respond(
    { ...failureTrailers(failure), ':status': 415, 'content-type': 'application/grpc' },
    { endStream: true },
  );
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && /^application\/grpc(?:[+;]|$)/u.test(headers['content-type'] ?? '');
}

/** The common name of a verified client certificate. */
function certificateName(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject.CN;
  return typeof name === 'string' ? name : undefined;
}
