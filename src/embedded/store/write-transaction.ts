/**
 * One write in progress: its changes go straight into the index and are seen by its own reads. Pure.
 */
import { KeyHistory } from './key-history.js';
import type { KeySpan } from './key-span.js';
import type { LeaseBook } from './lease-book.js';
import type { SortedIndex } from './sorted-index.js';
import { keyTextOf, type StoredValue } from './stored-value.js';

/** What a write may do. */
export interface StoreWriter {
  /** The revision that changes get. */
  readonly revision: number;
  /** The revision that an answer tells at this point: the one before, until there is a change. */
  readonly currentRevision: number;
  /** The current value of a key. */
  get(keyText: string): StoredValue | undefined;
  /** Writes a key; 0n is no lease. Gives what it was before. The bytes are copied. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): StoredValue | undefined;
  /** Deletes all keys of the span. Gives what they were, in order. */
  delete(span: KeySpan): readonly StoredValue[];
}

const NO_BYTES = new Uint8Array(0);

export class WriteTransaction implements StoreWriter {
  readonly revision: number;
  readonly changes: StoredValue[] = [];
  readonly #index: SortedIndex<KeyHistory>;
  readonly #leases: LeaseBook;

  constructor(index: SortedIndex<KeyHistory>, leases: LeaseBook, currentRevision: number) {
    this.#index = index;
    this.#leases = leases;
    this.revision = currentRevision + 1;
  }

  get currentRevision(): number {
    return this.changes.length === 0 ? this.revision - 1 : this.revision;
  }

  get(keyText: string): StoredValue | undefined {
    return this.#index.get(keyText)?.live;
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): StoredValue | undefined {
    const text = keyTextOf(key);
    const history = this.#index.get(text);
    const before = history?.live;
    const stored: StoredValue = {
      // One copy of a key's bytes and text for all its versions.
      // Copied: a request's bytes are a piece of a buffer that is far larger.
      key: history?.versions[0]?.key ?? Buffer.from(key),
      keyText: history?.keyText ?? text,
      value: value.length === 0 ? NO_BYTES : Buffer.from(value),
      createRevision: before?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (before?.version ?? 0) + 1,
      lease,
    };
    if (history === undefined) this.#index.add(new KeyHistory(stored));
    else history.add(stored);
    this.changes.push(stored);
    if (before !== undefined && before.lease !== 0n) this.#leases.detach(before.lease, text);
    if (lease !== 0n) this.#leases.attach(lease, text);
    return before;
  }

  delete(span: KeySpan): readonly StoredValue[] {
    const deleted: StoredValue[] = [];
    this.#index.visit(span, (history) => {
      const before = history.live;
      if (before === undefined) return;
      const deletion: StoredValue = {
        key: before.key,
        keyText: before.keyText,
        value: NO_BYTES,
        createRevision: 0,
        modRevision: this.revision,
        version: 0,
        lease: 0n,
      };
      history.add(deletion);
      this.changes.push(deletion);
      deleted.push(before);
    });
    for (const { lease, keyText } of deleted) if (lease !== 0n) this.#leases.detach(lease, keyText);
    return deleted;
  }
}
