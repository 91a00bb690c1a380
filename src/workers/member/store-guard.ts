/**
 * Notices a store that went backwards: wiped, restored from a snapshot, or another cluster at the same address. Knows the
 * highest revision and term seen in this engine; a member that shows less is either behind, which a linearizable read
 * through it tells, or its store has been replaced. Does no I/O itself.
 */
import type { StoreMark } from '../../wire/contract.js';
import type { ResponseHeader } from './member-status.js';

export type StoreVerdict =
  /** At least where it was. */
  | 'forward'
  /** Shows less than was seen before: ask for a linearizable read. */
  | 'suspicious'
  /** Not the store that was watched. */
  | 'reset';

/** What was known of the store at one moment. */
export interface StoreKnowledge {
  readonly mark: StoreMark | undefined;
  /** How often the store had been replaced by then. */
  readonly restarts: number;
}

export class StoreGuard {
  #restarts = 0;
  /** Replaced as a whole only when the store is; the revision is counted up in place, once for every new revision. */
  #mark: { clusterId: bigint; revision: number; raftTerm: bigint } | undefined;

  constructor(mark: StoreMark | undefined) {
    this.#mark = mark && { ...mark };
  }

  get mark(): StoreMark | undefined {
    return this.#mark && { ...this.#mark };
  }

  /** What is known now: to be kept while a question is on its way, since streams move on meanwhile. */
  knowledge(): StoreKnowledge {
    return { mark: this.mark, restarts: this.#restarts };
  }

  /** The highest revision known, 0 before anything was heard. */
  get revision(): number {
    return this.#mark?.revision ?? 0;
  }

  /**
   * Judges what one member says of itself, which may lag.
   *
   * @param known what was known before the member was asked.
   */
  judgeMember(header: ResponseHeader, known: StoreKnowledge): StoreVerdict {
    // Replaced meanwhile: this may be the new store, or a member that lags behind it.
    return judge(header, known.restarts === this.#restarts ? known.mark : this.#mark);
  }

  /**
   * Judges a linearizable answer: a quorum that shows less than was known when it was asked has lost it, unless another
   * lane has found that out meanwhile.
   */
  judgeQuorum(header: ResponseHeader, known: StoreKnowledge): StoreVerdict {
    const verdict = this.judgeMember(header, known);
    return verdict === 'suspicious' && known.restarts === this.#restarts ? 'reset' : verdict;
  }

  /** Takes note of a store that was judged `forward`. */
  note(header: ResponseHeader): void {
    if (header.clusterId === 0n) return;
    const mark = this.#mark;
    this.#mark = {
      clusterId: header.clusterId,
      revision: Math.max(header.revision, mark?.revision ?? 0),
      raftTerm: mark !== undefined && mark.raftTerm > header.raftTerm ? mark.raftTerm : header.raftTerm,
    };
  }

  /** Takes note of a revision seen on a stream of that store. */
  noteRevision(revision: number): void {
    if (this.#mark !== undefined && revision > this.#mark.revision) this.#mark.revision = revision;
  }

  /** Starts anew with the store that took the place of the old one. */
  restart(header: ResponseHeader): void {
    this.#restarts += 1;
    this.#mark = undefined;
    this.note(header);
  }
}

function judge(header: ResponseHeader, mark: StoreMark | undefined): StoreVerdict {
  if (mark === undefined || header.clusterId === 0n) return 'forward';
  if (header.clusterId !== mark.clusterId) return 'reset';
  return header.revision < mark.revision || header.raftTerm < mark.raftTerm ? 'suspicious' : 'forward';
}
