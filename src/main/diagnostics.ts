/**
 * The engine's diagnostics channels. Main thread. Published only where somebody subscribed; never keys, values or secrets.
 */
import { channel } from 'node:diagnostics_channel';
import type { EngineStatus } from './engine-status.js';
import type { WatchEnd } from './watch/watch-end.js';

const statusChannel = channel('etcd-vigil:status');
const watchEndedChannel = channel('etcd-vigil:watch-ended');

/** Message of the channel `etcd-vigil:status`: every {@link EngineStatus} of every engine. */
export interface StatusMessage {
  /** The name given to `connect`. */
  readonly engine: string | undefined;
  readonly status: EngineStatus;
}

/** Message of the channel `etcd-vigil:watch-ended`: the one end of every watch. */
export interface WatchEndedMessage {
  /** The name given to `connect`. */
  readonly engine: string | undefined;
  /** The label of the watch in its group; 1n for one that has none. */
  readonly watchId: bigint;
  readonly end: WatchEnd;
}

export function publishStatus(engine: string | undefined, status: EngineStatus): void {
  if (statusChannel.hasSubscribers) statusChannel.publish({ engine, status } satisfies StatusMessage);
}

export function publishWatchEnded(engine: string | undefined, watchId: bigint, end: WatchEnd): void {
  if (watchEndedChannel.hasSubscribers) watchEndedChannel.publish({ engine, watchId, end } satisfies WatchEndedMessage);
}
