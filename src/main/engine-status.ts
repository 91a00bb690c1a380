/** What can change in an engine: the messages of its status, as types. */
import type { ShardStatus } from '../wire/contract.js';
import type { EtcdError } from '../wire/errors.js';
import type { SettingsSource } from './settings-source.js';

/** A change of a shard's connections or streams; errors as {@link EtcdError}. */
export type ShardState =
  | Exclude<ShardStatus, { readonly type: 'disconnected' }>
  | (Omit<Extract<ShardStatus, { readonly type: 'disconnected' }>, 'error'> & { readonly error: EtcdError });

/** One change of state. */
export type EngineStatus =
  /** Of one worker: connected, disconnected, left, resuming, resumed, no-leader, store-reset. */
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
  /** New endpoints, certificates or another login are in use from now on; streams move to them one after the other (see `left`). */
  | {
      readonly type: 'settings-changed';
      readonly source: SettingsSource;
      readonly endpoints: readonly string[];
      /** Whether the certificates, or the login, are others. */
      readonly credentials: boolean;
      /** The endpoints that answered with the new settings. */
      readonly answered: readonly string[];
    }
  /** New endpoints, certificates or another login cannot be used: everything goes on with those before. */
  | { readonly type: 'settings-refused'; readonly source: SettingsSource; readonly error: EtcdError }
  /** The relation, or its connection file, offers no etcd any more: everything goes on with the last settings. */
  | { readonly type: 'settings-withdrawn'; readonly source: SettingsSource }
  /** It offers again what is in use. */
  | { readonly type: 'settings-restored'; readonly source: SettingsSource }
  /** The last one. */
  | { readonly type: 'closed' };
