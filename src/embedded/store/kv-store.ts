/**
 * The multi-version key-value store: reads at any revision that is not compacted, writes that make one revision of all their
 * changes, the history for watches. Server thread; pure, and synchronous throughout: whoever calls it sees a state in which
 * every earlier write is complete. It checks no requests: that is kv/'s.
 */
import { failure } from '../rpc-failure.js';
import type { KeyHistory } from './key-history.js';
import type { KeySpan } from './key-span.js';
import type { LeaseBook } from './lease-book.js';
import { RevisionLog } from './revision-log.js';
import { SortedIndex } from './sorted-index.js';
import type { StoredValue } from './stored-value.js';
import { WriteTransaction, type StoreWriter } from './write-transaction.js';

/** The revision of an empty store, as in etcd. */
export const FIRST_REVISION = 1;

/** What a read gives: the values in order of their keys, and how many keys there are in all. */
export interface ReadResult {
  readonly values: readonly StoredValue[];
  /** Of the whole span, before the limit. */
  readonly count: number;
  /** The store's revision when it was read. */
  readonly revision: number;
}

/** How to read. */
export interface ReadOptions {
  /** As of this revision; 0, the default, is the current one. */
  readonly revision?: number | undefined;
  /** At most so many values; 0, the default, is all. */
  readonly limit?: number | undefined;
  /** No values, only the count. */
  readonly countOnly?: boolean | undefined;
}

/** A compaction that was done. */
export interface Compaction {
  readonly revision: number;
  /** The compacted revision until then. */
  readonly before: number;
}

/** How many compactions are remembered: etcd keeps the hashes of so many. */
const COMPACTIONS_KEPT = 10;

/** Told of each write, right after it and before its answer leaves: the changes in order, deletions as version 0. */
export type ChangeListener = (revision: number, changes: readonly StoredValue[]) => void;

const NO_LEASES: LeaseBook = { attach: () => undefined, detach: () => undefined };

/** The store. */
export class KvStore {
  readonly #index = new SortedIndex<KeyHistory>();
  readonly #log = new RevisionLog(FIRST_REVISION + 1);
  readonly #listeners = new Set<ChangeListener>();
  #leases: LeaseBook = NO_LEASES;
  #revision = FIRST_REVISION;
  #compactRevision = -1;
  #compactions: readonly Compaction[] = [];
  #writing = false;

  /** The current revision. */
  get revision(): number {
    return this.#revision;
  }

  /** The oldest revision that can be read; -1 before the first compaction. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** The last compactions, oldest first. */
  get compactions(): readonly Compaction[] {
    return this.#compactions;
  }

  /** How many keys the index holds, deleted ones that are not compacted included. */
  get indexSize(): number {
    return this.#index.size;
  }

  /** Names who keeps the keys of leases. */
  useLeases(book: LeaseBook): void {
    this.#leases = book;
  }

  /** Gives what ends the listening. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One key. @throws RpcFailure like {@link read}. */
  get(keyText: string, revision = 0): StoredValue | undefined {
    this.checkRevision(revision);
    const history = this.#index.get(keyText);
    return revision <= 0 ? history?.live : history?.at(revision);
  }

  /** @throws RpcFailure for a revision that is compacted or in the future. */
  read(span: KeySpan, options: ReadOptions = {}): ReadResult {
    const { revision = 0, limit = 0, countOnly = false } = options;
    this.checkRevision(revision);
    const values: StoredValue[] = [];
    let count = 0;
    this.#index.visit(span, (history) => {
      const value = revision <= 0 ? history.live : history.at(revision);
      if (value === undefined) return;
      count += 1;
      if (!countOnly && (limit <= 0 || count <= limit)) values.push(value);
    });
    return { values, count, revision: this.#revision };
  }

  /** @throws RpcFailure for a revision that is compacted or in the future; 0 and below mean the current one. */
  checkRevision(revision: number): void {
    if (revision > this.#revision) throw failure('futureRev');
    if (revision > 0 && revision < this.#compactRevision) throw failure('compacted');
  }

  /**
   * Runs a write. All its changes get the next revision; without a change there is none. All checks come before the first
   * change: there is no way back, and what `mutate` changed before it threw stays.
   */
  write<Result>(mutate: (writer: StoreWriter) => Result): Result {
    if (this.#writing) throw new Error('a write of the store inside another one');
    this.#writing = true;
    const transaction = new WriteTransaction(this.#index, this.#leases, this.#revision);
    try {
      return mutate(transaction);
    } finally {
      this.#writing = false;
      this.#commit(transaction.changes);
    }
  }

  /** The changes of one revision, in order; nothing for one that is not known (any more). */
  changesAt(revision: number): readonly StoredValue[] {
    return this.#log.at(revision);
  }

  /** Every version kept, key by key, oldest first. The store must not be written meanwhile. */
  visitVersions(visit: (version: StoredValue) => void): void {
    this.#index.visit({ kind: 'range', from: '' }, (history) => {
      history.versions.forEach(visit);
    });
  }

  /**
   * Forgets what cannot be read at `revision` or later.
   *
   * @throws RpcFailure when that is done already, or for a revision in the future.
   */
  compact(revision: number): void {
    if (revision <= this.#compactRevision) throw failure('compacted');
    if (revision > this.#revision) throw failure('futureRev');
    // A key written last before the previous compaction has one version: only keys changed since can lose any.
    const first = Math.max(this.#compactRevision + 1, FIRST_REVISION + 1);
    this.#compactions = [...this.#compactions, { revision, before: this.#compactRevision }].slice(-COMPACTIONS_KEPT);
    this.#compactRevision = revision;
    for (let changed = first; changed <= revision; changed += 1) {
      for (const version of this.#log.at(changed)) {
        if (this.#index.get(version.keyText)?.compact(revision) === true) this.#index.delete(version.keyText);
      }
    }
    if (revision < FIRST_REVISION + 1) return;
    // etcd 3.5 forgets a deletion even at the very revision that it compacts to (etcd-io/etcd#19179).
    const kept = this.#log.at(revision).filter((version) => this.#index.get(version.keyText)?.keeps(version) === true);
    this.#log.compact(revision, kept);
  }

  /**
   * Makes the store what it was at `revision`, as a member restored from an old backup is. Nobody is told, leases least of
   * all. Not below the compacted revision.
   */
  rollBack(revision: number): void {
    if (revision < Math.max(FIRST_REVISION, this.#compactRevision) || revision > this.#revision)
      throw new Error(`the store cannot go back to revision ${revision}`);
    for (let undone = this.#revision; undone > revision; undone -= 1) {
      for (const { keyText } of this.#log.at(undone)) {
        if (this.#index.get(keyText)?.truncate(revision) === true) this.#index.delete(keyText);
      }
    }
    this.#log.truncate(revision);
    this.#revision = revision;
  }

  #commit(changes: readonly StoredValue[]): void {
    if (changes.length === 0) return;
    this.#revision += 1;
    this.#log.append(changes);
    for (const listener of this.#listeners) listener(this.#revision, changes);
  }
}
