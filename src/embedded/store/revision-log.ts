/**
 * What changed at which revision, from the compacted revision to the current one. Pure.
 */
import type { StoredValue } from './stored-value.js';

const NOTHING: readonly StoredValue[] = [];

/** The changes of each revision, in order. */
export class RevisionLog {
  /** The revision of the first entry. */
  #first: number;
  /** Most revisions change one key: those have the version itself, without an array around it. */
  #entries: (StoredValue | readonly StoredValue[])[] = [];

  constructor(firstRevision: number) {
    this.#first = firstRevision;
  }

  /** The changes of the next revision. */
  append(changes: readonly StoredValue[]): void {
    const [only] = changes;
    this.#entries.push(changes.length === 1 && only !== undefined ? only : changes);
  }

  at(revision: number): readonly StoredValue[] {
    const entry = this.#entries[revision - this.#first];
    if (entry === undefined) return NOTHING;
    return isMany(entry) ? entry : [entry];
  }

  /** Forgets all revisions below `revision`, and of that one all but `kept`. */
  compact(revision: number, kept: readonly StoredValue[]): void {
    this.#entries = this.#entries.slice(revision - this.#first);
    this.#entries[0] = kept;
    this.#first = revision;
  }

  /** Forgets all revisions above `revision`. */
  truncate(revision: number): void {
    this.#entries.length = Math.max(0, revision - this.#first + 1);
  }
}

function isMany(entry: StoredValue | readonly StoredValue[]): entry is readonly StoredValue[] {
  return Array.isArray(entry);
}
