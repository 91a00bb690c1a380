/**
 * Every message between the main thread and a shard. One MessagePort a shard carries them all, in order: commands one
 * way, reports the other. All of it is plain data; revisions are doubles (range-checked when decoded), lease ids are
 * bigints. Handlers are a mapped type over `kind` ({@link Handlers}), so a forgotten kind does not compile.
 */
import type { ConnectionSettings } from './connection-settings.js';
import type { PlainError } from './errors.js';
import type { LeaseCommand, LeaseReport } from './lease-contract.js';
import type { HeldToken, ShardAuth } from './shard-auth.js';

/** The engine's own number of a watch: drawn by main, 1 to 2^32-1, never reused within an engine. */
export type WatchNumber = number;

/** What a shard is started with; travels as the piscina task beside its end of the port. */
export interface ShardInit {
  /** Position of the shard in its engine, from 0. */
  readonly shard: number;
  /** How often this shard has been started: 1 for the first. */
  readonly epoch: number;
  readonly settings: ConnectionSettings;
  /** Who the engine is to its cluster; undefined where the application gave nothing to log in with. */
  readonly auth: ShardAuth | undefined;
  /** Index into the endpoints where this shard begins, so that shards spread over the members. */
  readonly firstEndpoint: number;
  readonly limits: ShardLimits;
  /** What earlier shards of this engine learnt of the store, to notice when it went backwards. */
  readonly storeMark: StoreMark | undefined;
  /** The leases of this shard as both threads see them (lease-state.ts); the same memory for each of its epochs. */
  readonly leaseState: SharedArrayBuffer;
  /** For so long after its start the shard keeps a live watch stream ready, watches or not: the first ones need not wait for it. */
  readonly warmMs: number;
}

export interface ShardLimits {
  /** Bytes of batches that may be on their way to a main thread that does not run; beyond, watch streams are paused. */
  readonly creditBytes: number;
  /** A single revision of a single watch larger than this ends that watch with `revision-too-large`. */
  readonly maxRevisionBytes: number;
  /** A batch is sent at once when it holds this much… */
  readonly flushBytes: number;
  /** …or this many events… */
  readonly flushEvents: number;
  /** …or when its first event came this long ago. */
  readonly flushIntervalMs: number;
}

/** Where a store stood when it was last seen. Revisions and terms only grow in one store. */
export interface StoreMark {
  readonly clusterId: bigint;
  readonly revision: number;
  readonly raftTerm: bigint;
}

/** A revision of a store, as an answer of a member of its cluster told it. */
export interface KnownRevision {
  readonly clusterId: bigint;
  readonly revision: number;
  /**
   * In a command: how many replacements of the store main had read from this shard. One that has found more since takes it for the
   * revision of a store that is gone.
   */
  readonly restarts?: number | undefined;
}

/** One watch as main asks for it. */
export interface WatchSpec {
  readonly watch: WatchNumber;
  readonly key: Uint8Array;
  /** `undefined`: the single key; one zero byte: everything from `key` on. */
  readonly rangeEnd: Uint8Array | undefined;
  /** First revision wanted, inclusive; 0 is «from now on». After a respawn: the next revision not yet received. */
  readonly startRevision: number;
  /** The watch had been created before (its shard crashed): `watch-created` is not reported again. */
  readonly resumed: boolean;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly progressNotify: boolean;
  /** `undefined`: only where an answer has been too large to come whole. */
  readonly fragment: boolean | undefined;
}

export type WatchCommand =
  /** `known`: the highest revision that main has seen of the store in any answer. What it covers was before these watches. */
  | { readonly kind: 'watch'; readonly watches: readonly WatchSpec[]; readonly known?: KnownRevision | undefined }
  /** Stop for good: cancelled on the server, nothing reported except a `watch-ended` without error. */
  | { readonly kind: 'unwatch'; readonly watches: readonly WatchNumber[] }
  /** The consumer lags: cancel on the server and keep the next revision. What was posted before still arrives. */
  | { readonly kind: 'detach'; readonly watches: readonly WatchNumber[] }
  /** The consumer reads again: replay a detached watch from its next revision. */
  | { readonly kind: 'attach'; readonly watches: readonly WatchNumber[] }
  /** Ask the server how far this watch has come. Answered by `progress`. */
  | { readonly kind: 'progress'; readonly requestId: number; readonly watch: WatchNumber; readonly timeoutMs: number }
  /** Main has taken this many bytes of batches off the port since the last credit. */
  | { readonly kind: 'credit'; readonly bytes: number };

export type ControlCommand =
  /** New endpoints or TLS material: new connections use them; existing ones are left for them unless both would be the same. */
  | { readonly kind: 'settings'; readonly settings: ConnectionSettings; readonly firstEndpoint: number }
  /** Who the engine is, and the token that calls carry, from now on; undefined for nobody. */
  | { readonly kind: 'token'; readonly auth: ShardAuth | undefined }
  /** Main gets another token: the shard need not log in by itself yet. */
  | { readonly kind: 'token-coming' }
  /** Main got none. */
  | { readonly kind: 'token-failed'; readonly error: PlainError }
  | { readonly kind: 'stats'; readonly requestId: number }
  /** Cancel everything, close every connection, report `stopped`, end. */
  | { readonly kind: 'stop' };

export type ShardCommand = WatchCommand | LeaseCommand | ControlCommand;

export type WatchReport =
  /** One msgpack value of typed columns (event-batch.ts); the bytes are transferred. */
  | { readonly kind: 'batch'; readonly bytes: Uint8Array }
  /** First creations. `startRevisions[i]` is inclusive and belongs to `watches[i]`. */
  | {
      readonly kind: 'watch-created';
      readonly watches: readonly WatchNumber[];
      readonly startRevisions: readonly number[];
    }
  /** The one end of a watch. Comes after every batch that holds events of it. `undefined`: it was cancelled as asked. */
  | { readonly kind: 'watch-ended'; readonly watch: WatchNumber; readonly error: PlainError | undefined }
  /** Trustworthy progress of idle watches: everything below `nextRevision` has been delivered to each of them. */
  | { readonly kind: 'bookmarks'; readonly watches: Uint32Array; readonly nextRevision: number }
  | {
      readonly kind: 'progress';
      readonly requestId: number;
      readonly revision: number;
      readonly error: PlainError | undefined;
    };

export type ControlReport =
  /** The shard runs and reads commands. Connections are made when the first watch or lease needs one. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'status'; readonly status: ShardStatus }
  /** Which store it works with and how far that has come; comes before anything that could tell the application so. */
  /** `restarts`: how many replacements of the store this shard has found. */
  | { readonly kind: 'store'; readonly mark: StoreMark; readonly restarts: number }
  /** A server refused this token (undefined: a call without one), or there is none yet: another is wanted. */
  | { readonly kind: 'token-wanted'; readonly refused: string | undefined }
  /** The shard has logged in by itself, because main did not answer. `refused`: what it had been refused. */
  | {
      readonly kind: 'token-found';
      readonly identity: number;
      readonly refused: string | undefined;
      readonly held: HeldToken;
    }
  | { readonly kind: 'stats'; readonly requestId: number; readonly stats: ShardStats }
  /** The last message of a shard that was told to stop. */
  | { readonly kind: 'stopped' };

export type ShardReport = WatchReport | LeaseReport | ControlReport;

/** What a connection of a shard is for. */
export type Lane = 'live' | 'catch-up' | 'lease';

/** A change of state worth telling; no state is implied by the absence of one. */
export type ShardStatus =
  | { readonly type: 'connected'; readonly lane: Lane; readonly endpoint: string; readonly version: string }
  | { readonly type: 'disconnected'; readonly lane: Lane; readonly endpoint: string; readonly error: PlainError }
  /** Everything of a connection that was to be replaced has moved to another one: nothing depends on it any more. */
  | { readonly type: 'left'; readonly lane: Lane; readonly endpoint: string }
  /** Streams of this lane are being opened again; `watches` of them wait. */
  | { readonly type: 'resuming'; readonly lane: Lane; readonly watches: number }
  | { readonly type: 'resumed'; readonly lane: Lane; readonly watches: number }
  | { readonly type: 'no-leader'; readonly lane: Lane; readonly endpoint: string }
  /** The store went backwards; every watch ends with `reset`. */
  | { readonly type: 'store-reset'; readonly endpoint: string };

export interface ShardStats {
  readonly shard: number;
  readonly epoch: number;
  /** Open streams by lane. */
  readonly streams: { readonly live: number; readonly catchUp: number; readonly lease: number };
  /** Watches by where they are: waiting for a stream, live, catching up, detached because their consumer lags. */
  readonly watchers: {
    readonly waiting: number;
    readonly live: number;
    readonly catchUp: number;
    readonly detached: number;
  };
  readonly leases: number;
  /** Totals since this shard started. */
  readonly events: number;
  readonly batches: number;
  readonly bytes: number;
  readonly keepAlives: number;
  /** Renewals tried again because nothing came back. */
  readonly keepAliveRetries: number;
  readonly resumes: number;
  /** Bytes posted to main and not yet credited, and the limit. */
  readonly uncreditedBytes: number;
  readonly creditBytes: number;
  /** Bytes of revisions that are not complete yet. */
  readonly assemblyBytes: number;
  /** CPU time of the shard's thread since it started; of the event loop's active time where the system does not tell. */
  readonly busyMs: number;
}

/** One handler for each kind of message. */
export type Handlers<Message extends { readonly kind: string }> = {
  readonly [Kind in Message['kind']]: (message: Extract<Message, { readonly kind: Kind }>) => void;
};

/** Hands a message to its handler; the cast is safe because a key of the table only takes messages of that kind. */
export function dispatch<Message extends { readonly kind: string }>(
  handlers: Handlers<Message>,
  message: Message,
): void {
  const handler = handlers[message.kind as Message['kind']] as (message: Message) => void; // see above
  handler(message);
}
