/**
 * All versions of one key that have not been compacted, oldest first, deletions included. Pure.
 */
import type { StoredValue } from './stored-value.js';

/** What the index holds for a key. */
export class KeyHistory {
  readonly keyText: string;
  #versions: StoredValue[];

  constructor(first: StoredValue) {
    this.keyText = first.keyText;
    this.#versions = [first];
  }

  /** The newest version; undefined for a key that is deleted. */
  get live(): StoredValue | undefined {
    const last = this.#versions.at(-1);
    return last === undefined || last.version === 0 ? undefined : last;
  }

  /** All versions, oldest first. */
  get versions(): readonly StoredValue[] {
    return this.#versions;
  }

  /** Of two versions of one revision (a transaction may write a key again) the later one counts. */
  at(revision: number): StoredValue | undefined {
    const version = this.#versions[this.#indexAt(revision)];
    return version === undefined || version.version === 0 ? undefined : version;
  }

  add(version: StoredValue): void {
    this.#versions.push(version);
  }

  /**
   * Forgets what cannot be read at `revision` or later: all versions but the newest up to then, and that one too if it is a
   * deletion. Gives true when nothing is left.
   */
  compact(revision: number): boolean {
    let first = this.#indexAt(revision);
    if (this.#versions[first]?.version === 0) first += 1;
    if (first > 0) this.#versions = this.#versions.slice(first);
    return this.#versions.length === 0;
  }

  /** Whether a compaction up to `version`'s revision would keep it. */
  keeps(version: StoredValue): boolean {
    return version.version !== 0 && this.#versions[this.#indexAt(version.modRevision)] === version;
  }

  /** Forgets every version above `revision`. Gives true when nothing is left. */
  truncate(revision: number): boolean {
    this.#versions.length = this.#indexAt(revision) + 1;
    return this.#versions.length === 0;
  }

  /** The place of the newest version up to `revision`; -1 when all are newer. */
  #indexAt(revision: number): number {
    const versions = this.#versions;
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle]?.modRevision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
