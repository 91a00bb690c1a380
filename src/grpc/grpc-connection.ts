/**
 * The one interface between the package and the network: a connection to one etcd member that carries bidirectional
 * streams and unary calls. Two implementations (http2-connection.ts, grpc-js-connection.ts) obey the same contract
 * suite. Neither retries, reconnects or knows etcd: a connection that has ended stays ended.
 */
import type { ConnectionSettings, Endpoint } from '../wire/connection-settings.js';
import type { EtcdError } from '../wire/errors.js';
import type { GuardedTimers } from '../wire/guarded-timers.js';

/** What a stream tells its owner. Calls are made in order; nothing comes after `onEnd`, nor after `cancel()`. */
export interface StreamHandlers {
  /**
   * One complete message: the bytes from `start` to `end` of `buffer`. They are lent for the duration of the call only.
   * A handler that throws ends this stream with the error thrown (as an `EtcdError`), and no other.
   */
  onMessage(buffer: Uint8Array, start: number, end: number): void;
  /**
   * The stream is over, exactly once, after every message that was read; `undefined` is the server's own OK. An end that the
   * server sends to a paused stream may wait behind its unread messages; a reset or a broken connection is told at once.
   * `outcome` is `not-sent` where it is certain that no server saw the call. Must not throw.
   */
  onEnd(error: EtcdError | undefined): void;
}

/** One bidirectional stream. */
export interface GrpcStream {
  /**
   * Sends one or more messages, each already with its 5-byte gRPC prefix, in one write. The bytes belong to the stream
   * from here on. After the end it does nothing.
   */
  write(framed: Uint8Array): void;
  /**
   * Stops reading: no message is handed out until `resume()`, not even those of a chunk being handed out at this moment. The
   * peer may send one more window of bytes, which wait here unread; other streams are not held up.
   */
  pause(): void;
  resume(): void;
  /** Resets the stream (a half-closed watch would live on at the server). No handler is called afterwards. Idempotent. */
  cancel(): void;
}

/** Extra request headers of a call, such as `hasleader` or `token`. */
export type Metadata = Readonly<Record<string, string>>;

export interface GrpcConnection {
  readonly endpoint: Endpoint;
  /**
   * How many more streams the peer allows at this moment; changes with its SETTINGS. Infinity where the transport cannot know.
   * A stream opened at 0 ends as `unavailable`, `not-sent`; a unary call waits for a place, at most as long as its time-out.
   */
  readonly freeStreams: number;
  /** False once the peer asked to move away (GOAWAY) or the connection ended: open streams may still run to their end. */
  readonly acceptsStreams: boolean;
  /**
   * Resolves when the peer has sent its first SETTINGS; rejects with `connect-failed` when it cannot be reached in time (then
   * `onClose` comes, too), with `closed` after `close()`. Need not be asked for: streams may be opened and written before.
   */
  ready(): Promise<void>;
  /** Opens a stream on `/package.Service/Method`. Never throws: every failure comes through `onEnd`, never synchronously. */
  openStream(path: string, handlers: StreamHandlers, metadata?: Metadata): GrpcStream;
  /**
   * One request (without prefix), one answer (without prefix, memory of its own). Rejects with a coded error that carries an
   * `outcome`; resets the call on time-out.
   */
  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array>;
  /**
   * Leaves what arrives unread in the kernel until `release()`, or sooner where a write cannot end at once (over TLS always):
   * much that is read at once costs less than being woken for each bit of it. For moments only, since answers to PING wait,
   * too. Where the transport cannot, it does nothing.
   */
  hold(): void;
  release(): void;
  /**
   * Ends everything at once: before it returns, streams have ended with code `closed`; `onClose` is not called, and nothing
   * is left that keeps the process alive. Idempotent.
   */
  close(): void;
}

/** `timeoutMs` counts from the call, connecting included, and is told to the server. */
export interface UnaryOptions {
  readonly timeoutMs: number;
  readonly metadata?: Metadata | undefined;
  /**
   * Told before `unary()` returns how to give the call up: it is reset, and the promise stays unsettled. For callers with an end of
   * their own.
   */
  readonly onStarted?: ((cancel: () => void) => void) | undefined;
}

/** What a connection tells its owner. */
export interface ConnectionHandlers {
  /**
   * The peer sent GOAWAY, told at most once: move streams to another connection. Existing ones live on until they end or the
   * peer closes; `onClose` follows the last of them.
   */
  onGoaway(error: EtcdError): void;
  /** The connection has ended, exactly once, after every stream on it was told; never from inside the call that opened it. */
  onClose(error: EtcdError): void;
}

export type OpenConnection = (
  endpoint: Endpoint,
  settings: ConnectionSettings,
  handlers: ConnectionHandlers,
) => GrpcConnection;

/**
 * Whether a connection without streams keeps the process alive: that of a shard does, since its thread is there for it; one that
 * an application has used, and may use again, does not.
 */
export type WhileIdle = 'ref' | 'unref';

/** What a transport offers; its timers are passed in. `whileIdle` is `'ref'` unless something else is said. */
export type Transport = (
  ...args: [...Parameters<OpenConnection>, timers: GuardedTimers, whileIdle?: WhileIdle]
) => GrpcConnection;
