/**
 * Finds out whether a member that shows less than is known merely lags, or the store went backwards under its open stream. Runs in
 * the shard; one question at a time for each stream.
 */
import { toEtcdError } from '../../wire/errors.js';
import { confirmStore } from '../member/member-connection.js';
import type { StoreGuard } from '../member/store-guard.js';
import type { ShardContext } from '../shard-context.js';
import type { WatchLanes } from './watch-lanes.js';
import type { WatchStream } from './watch-stream.js';

export interface StoreConfirmationOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly lanes: WatchLanes;
  /** The member has told; whether its store is another one than before. */
  readonly onConfirmed: (endpoint: string, storeReset: boolean) => void;
}

export class StoreConfirmation {
  readonly #options: StoreConfirmationOptions;
  readonly #running = new Map<WatchStream, Promise<void>>();

  constructor(options: StoreConfirmationOptions) {
    this.#options = options;
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
    const { context, guard, lanes, onConfirmed } = this.#options;
    const confirmed = confirmStore(stream.connection, { guard, context, probeKey })
      .then(
        (storeReset) => {
          onConfirmed(stream.connection.endpoint.text, storeReset);
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
