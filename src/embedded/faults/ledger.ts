/**
 * Writes down every event of the store. Server thread.
 */
import type { KvStore } from '../store/kv-store.js';
import type { LedgerEvent } from './fault.js';

export class Ledger {
  readonly #store: KvStore;
  #events: LedgerEvent[] = [];
  #stop: (() => void) | undefined;

  constructor(store: KvStore) {
    this.#store = store;
  }

  /** From now on; what was written down before is forgotten. */
  start(): void {
    this.#stop?.();
    this.#events = [];
    this.#stop = this.#store.onChange((revision, changes) => {
      for (const { key, value, version } of changes)
        this.#events.push(
          version === 0
            ? { type: 'delete', revision, key, value: new Uint8Array(0) }
            : { type: 'put', revision, key, value },
        );
    });
  }

  /** In their order. */
  read(): readonly LedgerEvent[] {
    return this.#events;
  }
}
