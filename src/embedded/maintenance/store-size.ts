/**
 * How large the file of a real member with these keys might be: it grows with every change and shrinks only when it is
 * defragmented. Server thread; pure.
 */
import type { KvStore } from '../store/kv-store.js';
import type { StoredValue } from '../store/stored-value.js';

const PAGE_BYTES = 4096;
/** An empty etcd has so many pages. */
const EMPTY_PAGES = 5;
/** About what a version costs beside its key and value. */
const VERSION_BYTES = 64;

export class StoreSize {
  readonly #store: KvStore;
  #bytes = 0;

  constructor(store: KvStore) {
    this.#store = store;
    this.recount();
    store.onChange((_, changes) => {
      for (const change of changes) this.#add(change);
    });
  }

  /** Whole pages. */
  get bytes(): number {
    return (EMPTY_PAGES + Math.ceil(this.#bytes / PAGE_BYTES)) * PAGE_BYTES;
  }

  /** Counts what compactions have left. */
  recount(): void {
    this.#bytes = 0;
    this.#store.visitVersions((version) => {
      this.#add(version);
    });
  }

  #add({ key, value }: StoredValue): void {
    this.#bytes += key.length + value.length + VERSION_BYTES;
  }
}
