/**
 * The demo's check: what was written against what was seen, key by key. Pure. The two lists of a key are compared as they
 * come and forgotten where they agree; the first disagreement keeps everything after it, so that the verdict can tell what
 * went wrong.
 */

/** In place of a write's number where the event of a delete carries none. */
export const NO_NUMBER = -1;

export interface Verdict {
  /** Writes that were seen once, in their place, with their content. */
  readonly matched: number;
  /** Written and never seen. */
  readonly lost: number;
  /** Seen more often than once. */
  readonly doubled: number;
  /** Seen after a later one of the same key or the same watch. */
  readonly outOfOrder: number;
  /** Seen with another content than was written. */
  readonly wrongContent: number;
  /** Seen and never written. */
  readonly unexpected: number;
  /** Writes whose answer never came, and that turned out to have been applied. Not an error. */
  readonly appliedUnanswered: number;
}

/** Revision and number of one write, or of one event. */
interface Entry {
  readonly revision: number;
  readonly number: number;
}

class KeyHistory {
  written: Entry[] = [];
  seen: Entry[] = [];
  writtenHead = 0;
  seenHead = 0;
  lastMatched = 0;
  /** Numbers of writes of unknown outcome. */
  unanswered: number[] = [];
}

export class Ledger {
  readonly #keys: readonly KeyHistory[];
  readonly #keysPerRange: number;
  /** The last revision seen by each watch. */
  readonly #lastOfRange: Float64Array;
  #writtenCount = 0;
  #seenCount = 0;
  #matched = 0;
  #backwards = 0;
  #appliedUnanswered = 0;

  constructor(ranges: number, keysPerRange: number) {
    this.#keys = Array.from({ length: ranges * keysPerRange }, () => new KeyHistory());
    this.#keysPerRange = keysPerRange;
    this.#lastOfRange = new Float64Array(ranges);
  }

  get writtenCount(): number {
    return this.#writtenCount;
  }

  get seenCount(): number {
    return this.#seenCount;
  }

  /** Writes that have not been matched with an event yet. */
  get outstanding(): number {
    return this.#writtenCount - this.#matched;
  }

  /** A write that the server confirmed; in the order of the key's revisions. */
  written(key: number, revision: number, number: number): void {
    const history = this.#keys[key];
    if (history === undefined) return;
    this.#writtenCount += 1;
    history.written.push({ revision, number });
    this.#settle(history);
  }

  /** A write whose outcome is unknown: it may be seen once, or never. */
  unanswered(key: number, number: number): void {
    const history = this.#keys[key];
    history?.unanswered.push(number);
    if (history !== undefined) this.#settle(history);
  }

  /** An event, in the order of arrival. */
  seen(key: number, revision: number, number: number): void {
    this.#seenCount += 1;
    const history = this.#keys[key];
    if (history === undefined) {
      this.#backwards += 1;
      return;
    }
    const range = Math.floor(key / this.#keysPerRange);
    // Within a key the verdict tells; this is about the order between the keys of one watch.
    if (revision < (this.#lastOfRange[range] ?? 0)) this.#backwards += 1;
    else this.#lastOfRange[range] = revision;
    history.seen.push({ revision, number });
    this.#settle(history);
  }

  /** What is right and wrong so far. Final once nothing more is written or seen. */
  verdict(): Verdict {
    const total = { matched: this.#matched, lost: 0, doubled: 0, wrongContent: 0, unexpected: 0 };
    let appliedUnanswered = this.#appliedUnanswered;
    let outOfOrder = this.#backwards;
    for (const history of this.#keys) {
      if (history.seen.length === 0 && history.written.length === 0) continue;
      const rest = judge(history);
      total.matched += rest.matched;
      total.lost += rest.lost;
      total.doubled += rest.doubled;
      total.wrongContent += rest.wrongContent;
      total.unexpected += rest.unexpected;
      appliedUnanswered += rest.appliedUnanswered;
      // What goes backwards within a key goes backwards within its watch, too, and is counted there.
      outOfOrder = Math.max(outOfOrder, rest.outOfOrder);
    }
    return { ...total, outOfOrder, appliedUnanswered };
  }

  #settle(history: KeyHistory): void {
    while (true) {
      const seen = history.seen[history.seenHead];
      const written = history.written[history.writtenHead];
      if (seen === undefined) break;
      if (written !== undefined && written.revision === seen.revision && written.number === seen.number) {
        history.writtenHead += 1;
        this.#matched += 1;
      } else if (seen.revision > history.lastMatched && take(history.unanswered, seen.number)) {
        this.#appliedUnanswered += 1;
      } else break;
      history.seenHead += 1;
      history.lastMatched = seen.revision;
    }
    if (history.seenHead > 0 && history.seenHead === history.seen.length) {
      history.seen = [];
      history.seenHead = 0;
    }
    if (history.writtenHead > 0 && history.writtenHead === history.written.length) {
      history.written = [];
      history.writtenHead = 0;
    }
  }
}

/** Whether everything written was seen exactly once, and anything was written at all. */
export function isFaultless(verdict: Verdict): boolean {
  const { matched, lost, doubled, outOfOrder, wrongContent, unexpected } = verdict;
  return matched > 0 && lost + doubled + outOfOrder + wrongContent + unexpected === 0;
}

/** What remains of a key from its first disagreement on. */
function judge(history: KeyHistory): Verdict {
  const written = new Map(history.written.slice(history.writtenHead).map((entry) => [entry.revision, entry.number]));
  const unanswered = history.unanswered.slice();
  const found = new Set<number>();
  let [matched, doubled, outOfOrder, wrongContent, unexpected, appliedUnanswered] = [0, 0, 0, 0, 0, 0];
  let last = history.lastMatched;
  for (const { revision, number } of history.seen.slice(history.seenHead)) {
    const expected = written.get(revision);
    if (found.has(revision) || (expected === undefined && revision <= history.lastMatched)) doubled += 1;
    else if (expected !== undefined) {
      found.add(revision);
      if (revision < last) outOfOrder += 1;
      else if (expected !== number) wrongContent += 1;
      else matched += 1;
    } else if (revision > last && take(unanswered, number)) appliedUnanswered += 1;
    else unexpected += 1;
    last = Math.max(last, revision);
  }
  const lost = Array.from(written.keys()).filter((revision) => !found.has(revision)).length;
  return { matched, lost, doubled, outOfOrder, wrongContent, unexpected, appliedUnanswered };
}

function take(numbers: number[], number: number): boolean {
  const place = numbers.indexOf(number);
  if (place < 0) return false;
  numbers.splice(place, 1);
  return true;
}
