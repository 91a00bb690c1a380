/** The figures of an engine: types, and their gathering from shards that may not answer. Main thread. */
import type { ShardStats } from '../wire/contract.js';

/** One worker as it stood when it was asked. */
export interface ShardSummary {
  readonly shard: number;
  /** `'idle'`: not started yet (`lazy`). */
  readonly state: 'idle' | 'starting' | 'running' | 'replacing' | 'failed' | 'stopped';
  /** How often it was started. */
  readonly epoch: number;
  /** Watches placed on it. */
  readonly watchers: number;
  /** Its own figures; undefined where it does not run, or did not answer in time. */
  readonly stats: ShardStats | undefined;
}

/** What `etcd.stats()` gives. */
export interface EngineStats {
  readonly name: string | undefined;
  readonly shards: readonly ShardSummary[];
  /** Watches that have not ended. */
  readonly watchers: number;
  /** Watches detached because their consumer is behind its budget. */
  readonly laggingWatchers: number;
  /** Bytes of events that wait on the main thread to be read. */
  readonly queuedBytes: number;
  /** Batches and their bytes that came from all shards, since the engine started. */
  readonly batches: number;
  readonly batchBytes: number;
}
