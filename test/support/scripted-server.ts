/**
 * A gRPC server that does what a test tells it, over node:http2: plain, TLS or on a unix socket. Each test passes one
 * handler for all calls. Owns its listener and its sessions; `close()` ends them all.
 */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Endpoint } from '../../src/wire/connection-settings.js';

export type CallHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface ScriptedOptions {
  readonly settings?: Settings;
  readonly tls?: SecureServerOptions;
  /** Path of a unix socket to listen on instead of a port. */
  readonly path?: string;
}

export class ScriptedServer {
  readonly endpoint: Endpoint;
  /** Sessions open now, oldest first. */
  readonly sessions: Set<ServerHttp2Session> = new Set();
  /** Number of sessions there have ever been. */
  accepted = 0;
  readonly #server: Http2Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(server: Http2Server, endpoint: Endpoint) {
    this.#server = server;
    this.endpoint = endpoint;
    server.on(endpoint.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('session', (session) => {
      this.accepted += 1;
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => undefined);
    });
  }

  static async start(onCall: CallHandler, options: ScriptedOptions = {}): Promise<ScriptedServer> {
    const settings = options.settings ?? {};
    // Both kinds of server behave alike for all that is used here.
    const server =
      options.tls === undefined ? createServer({ settings }) : createSecureServer({ settings, ...options.tls });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onCall(stream, headers);
    });
    await new Promise<void>((resolve) => {
      if (options.path === undefined) server.listen(0, '127.0.0.1', resolve);
      else server.listen(options.path, resolve);
    });
    const tls = options.tls !== undefined;
    if (options.path !== undefined) {
      const text = `${tls ? 'unixs' : 'unix'}://${options.path}`;
      return new ScriptedServer(server, { kind: 'unix', tls, path: options.path, text });
    }
    // A server that listens on a port has an AddressInfo.
    const { port } = server.address() as AddressInfo;
    return new ScriptedServer(server, tcpEndpoint(port, tls));
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    // A session that is destroyed during a write over TLS waits for the write, which a peer that is gone never lets end.
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export function tcpEndpoint(port: number, tls: boolean, host = '127.0.0.1'): Endpoint {
  return { kind: 'tcp', tls, host, port, text: `${tls ? 'https' : 'http'}://${host}:${String(port)}` };
}

/** A message behind its gRPC prefix. */
export function frame(message: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(message);
  const framed = Buffer.alloc(5 + bytes.length);
  framed[0] = flag;
  framed.writeUInt32BE(bytes.length, 1);
  bytes.copy(framed, 5);
  return framed;
}

/** Answers with gRPC headers; trailers follow with {@link finish}. */
export function accept(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
}

/** Ends an accepted call with this status. */
export function finish(stream: ServerHttp2Stream, status = 0, message?: string): void {
  stream.on('wantTrailers', () => {
    stream.sendTrailers({
      'grpc-status': String(status),
      ...(message === undefined ? undefined : { 'grpc-message': message }),
    });
  });
  stream.end();
}

/** Sends back every byte that comes, so that every message is answered with itself; ends OK when the caller does. */
export function echo(stream: ServerHttp2Stream): void {
  accept(stream);
  stream.on('data', (chunk: Buffer) => stream.write(chunk));
  stream.on('end', () => finish(stream));
}

/** Sends `0`, `1`, `2` … as messages, one every `everyMs`, whatever the caller says. */
export function countUp(everyMs: number): CallHandler {
  return (stream) => {
    accept(stream);
    let next = 0;
    const timer = setInterval(() => stream.write(frame(String(next++))), everyMs);
    stream.on('close', () => clearInterval(timer));
  };
}
