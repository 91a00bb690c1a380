/**
 * What members tell of the store, and what follows when it is another one. Finds out whether a member that shows less than is known
 * merely lags, or the store went backwards under its open stream. Runs in the shard; one question at a time for each stream.
 */
import { toEtcdError } from '../../wire/errors.js';
import { confirmStore } from '../../member/reach-member.js';
import type { StoreGuard } from '../../member/store-guard.js';
import type { ShardContext } from '../shard-context.js';
import type { WatchLanes } from './watch-lanes.js';
import type { WatchStream } from './watch-stream.js';

export interface StoreConfirmationOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly lanes: WatchLanes;
  /** The store there is another one than before: before its streams are left. */
  readonly onReset: (endpoint: string) => void;
}

export class StoreConfirmation {
  readonly #options: StoreConfirmationOptions;
  readonly #running = new Map<WatchStream, Promise<void>>();
  #isClosed = false;

  constructor(options: StoreConfirmationOptions) {
    this.#options = options;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** A member has told what its store is; whether that is another one than before. */
  seen(endpoint: string, storeReset: boolean): void {
    const { context, guard, lanes, onReset } = this.#options;
    if (this.#isClosed) return;
    if (storeReset) {
      onReset(endpoint);
      lanes.leaveOldStore(guard.restarts);
    }
    // Main keeps it for the shard that takes this one's place.
    if (guard.mark !== undefined) context.report({ kind: 'store', mark: guard.mark, restarts: guard.restarts });
  }

  /**
   * Asks the member of a stream how far the cluster has come: afterwards it has come as far itself, or the store is known to have
   * gone backwards. A member that does not tell loses its stream. Never rejects; resolves when watches can be placed again.
   *
   * @param probeKey a key that may be read.
   */
  confirm(stream: WatchStream, probeKey: Uint8Array): Promise<void> {
    const running = this.#running.get(stream);
    if (running !== undefined) return running;
    const { context, guard, lanes } = this.#options;
    const confirmed = confirmStore(stream.connection, { guard, probeKey }, context, context.settings.connectTimeoutMs)
      .then(
        (storeReset) => {
          this.seen(stream.connection.endpoint.text, storeReset);
        },
        (error: unknown) => {
          lanes.ofStream(stream)?.drop(stream, toEtcdError(error, 'unavailable'));
        },
      )
      .finally(() => {
        this.#running.delete(stream);
      });
    this.#running.set(stream, confirmed);
    return confirmed;
  }
}
