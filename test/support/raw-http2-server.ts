/**
 * An HTTP/2 server made of bytes, for what node:http2 would never send: frames split anywhere, codes of its choice, silence.
 * Plain TCP. A test passes one function that is called for every frame of every peer; SETTINGS are exchanged by themselves.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../../src/wire/connection-settings.js';
import { FrameSplitter, type Http2Frame } from './h2-frames.js';
import { tcpEndpoint } from './scripted-server.js';

export const FRAME_DATA = 0x0;
export const FRAME_HEADERS = 0x1;
export const FRAME_RST_STREAM = 0x3;
export const FRAME_SETTINGS = 0x4;
export const FRAME_PING = 0x6;
export const FRAME_GOAWAY = 0x7;
export const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const MAX_CONCURRENT_STREAMS = 0x3;

export interface RawPeer {
  readonly socket: Socket;
  /** All frames that came, oldest first. */
  readonly frames: Http2Frame[];
  send(...frames: Buffer[]): void;
}

export interface RawServerOptions {
  /** Sent in the first SETTINGS; default: none. `false`: never send SETTINGS. */
  readonly maxConcurrentStreams?: number | false;
  /** Default true. */
  readonly answerPings?: boolean;
}

export class RawHttp2Server {
  readonly endpoint: Endpoint;
  readonly peers: RawPeer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    // A server that listens on a port has an AddressInfo.
    this.endpoint = tcpEndpoint((server.address() as AddressInfo).port, false);
  }

  static async start(
    onFrame: (peer: RawPeer, frame: Http2Frame) => void,
    options: RawServerOptions = {},
  ): Promise<RawHttp2Server> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const raw = new RawHttp2Server(server);
    server.on('connection', (socket) => raw.#welcome(socket, onFrame, options));
    return raw;
  }

  async close(): Promise<void> {
    for (const { socket } of this.peers) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #welcome(socket: Socket, onFrame: (peer: RawPeer, frame: Http2Frame) => void, options: RawServerOptions): void {
    const { maxConcurrentStreams, answerPings = true } = options;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    const peer: RawPeer = { socket, frames: [], send: (...frames) => void socket.write(Buffer.concat(frames)) };
    this.peers.push(peer);
    if (maxConcurrentStreams !== false) peer.send(settings(maxConcurrentStreams));
    const splitter = new FrameSplitter(24);
    socket.on('data', (chunk) => {
      for (const frame of splitter.push(chunk)) {
        peer.frames.push(frame);
        const isAck = (frame.flags & ACK) !== 0;
        if (frame.type === FRAME_SETTINGS && !isAck && maxConcurrentStreams !== false) {
          peer.send(http2Frame(FRAME_SETTINGS, ACK, 0));
        }
        if (frame.type === FRAME_PING && !isAck && answerPings)
          peer.send(http2Frame(FRAME_PING, ACK, 0, frame.payload));
        onFrame(peer, frame);
      }
    });
  }
}

export function http2Frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function settings(maxConcurrentStreams?: number): Buffer {
  if (maxConcurrentStreams === undefined) return http2Frame(FRAME_SETTINGS, 0, 0);
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(MAX_CONCURRENT_STREAMS, 0);
  payload.writeUInt32BE(maxConcurrentStreams, 2);
  return http2Frame(FRAME_SETTINGS, 0, 0, payload);
}

/** HEADERS with literal fields; names and values of at most 126 bytes. */
export function headers(streamId: number, fields: Readonly<Record<string, string>>, end: boolean): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(Buffer.from([0, name.length]), Buffer.from(name, 'latin1'));
    parts.push(Buffer.from([value.length]), Buffer.from(value, 'latin1'));
  }
  return http2Frame(FRAME_HEADERS, END_HEADERS | (end ? END_STREAM : 0), streamId, Buffer.concat(parts));
}

export function accepted(streamId: number): Buffer {
  return headers(streamId, { ':status': '200', 'content-type': 'application/grpc' }, false);
}

export function okTrailers(streamId: number): Buffer {
  return headers(streamId, { 'grpc-status': '0' }, true);
}

export function data(streamId: number, bytes: Uint8Array, end = false): Buffer {
  return http2Frame(FRAME_DATA, end ? END_STREAM : 0, streamId, bytes);
}

export function reset(streamId: number, code: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return http2Frame(FRAME_RST_STREAM, 0, streamId, payload);
}

export function goaway(lastStreamId: number, code: number, text = ''): Buffer {
  const payload = Buffer.alloc(8 + text.length);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(code, 4);
  payload.write(text, 8, 'latin1');
  return http2Frame(FRAME_GOAWAY, 0, 0, payload);
}
