/**
 * The one interface between a shard and the network: a connection to one etcd member that carries bidirectional
 * streams and unary calls. Two implementations (http2-connection.ts, grpc-js-connection.ts) obey the same contract
 * suite. Neither retries, reconnects or knows etcd: a connection that has ended stays ended.
 */
import type { ConnectionSettings, Endpoint } from '../../wire/connection-settings.js';
import type { EtcdError } from '../../wire/errors.js';

/** What a stream tells its owner. Calls are made in order; nothing comes after `onEnd`, nor after `cancel()`. */
export interface StreamHandlers {
  /**
   * One complete message: the bytes from `start` to `end` of `buffer`. They are lent for the duration of the call only.
   * A handler that throws ends this stream with the error thrown, and no other.
   */
  onMessage(buffer: Uint8Array, start: number, end: number): void;
  /** The stream is over, exactly once. `undefined` is the server's own OK. */
  onEnd(error: EtcdError | undefined): void;
}

/** One bidirectional stream. */
export interface GrpcStream {
  /**
   * Sends one or more messages, each already with its 5-byte gRPC prefix, in one write. The bytes belong to the stream
   * from here on. After the end it does nothing.
   */
  write(framed: Uint8Array): void;
  /** Stops reading: the peer may send one more window of bytes, which wait here unread. */
  pause(): void;
  resume(): void;
  /** Resets the stream (a half-closed watch would live on at the server). No handler is called afterwards. Idempotent. */
  cancel(): void;
}

/** Extra request headers of a call, such as `hasleader` or `token`. */
export type Metadata = Readonly<Record<string, string>>;

export interface GrpcConnection {
  readonly endpoint: Endpoint;
  /** How many more streams the peer allows at this moment. */
  readonly freeStreams: number;
  /** False once the peer asked to move away (GOAWAY) or the connection ended: open streams may still run to their end. */
  readonly acceptsStreams: boolean;
  /** Resolves when the peer has shown that it speaks HTTP/2; rejects, coded, when it cannot be reached in time. */
  ready(): Promise<void>;
  /** Opens a stream on `/package.Service/Method`. Never throws: every failure comes through `onEnd`, never synchronously. */
  openStream(path: string, handlers: StreamHandlers, metadata?: Metadata): GrpcStream;
  /** One request (without prefix), one answer (without prefix). Rejects with a coded error; resets the call on time-out. */
  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array>;
  /** Ends everything at once: streams end with code `closed`; `onClose` is not called. Idempotent. */
  close(): void;
}

export interface UnaryOptions {
  readonly timeoutMs: number;
  readonly metadata?: Metadata | undefined;
}

/** What a connection tells its owner. */
export interface ConnectionHandlers {
  /** The peer sent GOAWAY: move streams to another connection. Existing ones live on until they end or the peer closes. */
  onGoaway(error: EtcdError): void;
  /** The connection has ended, exactly once, after every stream on it was told. */
  onClose(error: EtcdError): void;
}

export type OpenConnection = (
  endpoint: Endpoint,
  settings: ConnectionSettings,
  handlers: ConnectionHandlers,
) => GrpcConnection;
