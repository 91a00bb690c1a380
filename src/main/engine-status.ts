/** What can change in an engine: the messages of its status, as types. */
import type { ShardStatus } from '../wire/contract.js';
import type { EtcdError } from '../wire/errors.js';

/** A change of a shard's connections or streams; errors as {@link EtcdError}. */
export type ShardState =
  | Exclude<ShardStatus, { readonly type: 'disconnected' }>
  | (Omit<Extract<ShardStatus, { readonly type: 'disconnected' }>, 'error'> & { readonly error: EtcdError });

/** One change of state. */
export type EngineStatus =
  /** Of one worker: connected, disconnected, resuming, resumed, no-leader, store-reset. */
  | (ShardState & { readonly shard: number })
  /** A worker runs. */
  | { readonly type: 'shard-ready'; readonly shard: number; readonly epoch: number }
  /** A worker crashed and another took its place; its watches go on where they were. */
  | { readonly type: 'shard-replaced'; readonly shard: number; readonly epoch: number; readonly error: EtcdError }
  /** A worker failed for good; its watches end with the error. */
  | { readonly type: 'shard-failed'; readonly shard: number; readonly error: EtcdError }
  /** A consumer fell behind its budget: its watches are detached until it has read. */
  | { readonly type: 'watch-lagging'; readonly group: string | undefined; readonly watches: number }
  | { readonly type: 'watch-caught-up'; readonly group: string | undefined }
  /** The last one. */
  | { readonly type: 'closed' };
