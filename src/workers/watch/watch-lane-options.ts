/** What a lane is made with: what it needs of its shard, and whom it tells what happens to its streams. */
import type { Lane } from '../../wire/contract.js';
import type { EtcdError } from '../../wire/errors.js';
import type { StoreGuard } from '../../member/store-guard.js';
import type { ShardContext } from '../shard-context.js';
import type { StreamLoss } from './lane-failures.js';
import type { WatchStream, WatchStreamHooks } from './watch-stream.js';

export interface WatchLaneOptions {
  readonly lane: Lane;
  /** Have answers split from the first stream on. */
  readonly fragments: boolean;
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly firstEndpoint: number;
  readonly drawId: () => number;
  readonly streamHooks: WatchStreamHooks;
  readonly probeKey: () => Uint8Array;
  /** A stream is open: put the waiting watches on it. */
  readonly onOpen: () => void;
  /** A stream is gone; its watches wait again, are tried apart, or are to be given up. */
  readonly onLost: (stream: WatchStream, loss: StreamLoss) => void;
  /** No stream could be opened, again and again, for a reason that repeating will not mend. */
  readonly onHopeless: (error: EtcdError) => void;
  /** A member has told what its store is; whether that is another one than before. */
  readonly onReached: (endpoint: string, storeReset: boolean) => void;
  /** How many watches wait for a stream of this lane. */
  readonly waiting: () => number;
  /** Since when a stream of another lane has been open with watches on it; Infinity for none. */
  readonly othersOpenSince: () => number;
  /** Whether its watches are kept apart from others. */
  readonly isApart: boolean;
  /** Whether one attempt is enough, because all that were tried apart have failed. */
  readonly isServerSuspected: () => boolean;
}
