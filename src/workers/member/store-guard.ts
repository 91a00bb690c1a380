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

export class StoreGuard {
  /** Replaced as a whole only when the store is; the revision is counted up in place, once for every new revision. */
  #mark: { clusterId: bigint; revision: number; raftTerm: bigint } | undefined;

  constructor(mark: StoreMark | undefined) {
    this.#mark = mark && { ...mark };
  }

  get mark(): StoreMark | undefined {
    return this.#mark && { ...this.#mark };
  }

  /** The highest revision known, 0 before anything was heard. */
  get revision(): number {
    return this.#mark?.revision ?? 0;
  }

  /**
   * Judges what one member says of itself, which may lag.
   *
   * @param mark what was known before the member was asked: other streams may have moved on since.
   */
  judgeMember(header: ResponseHeader, mark: StoreMark | undefined): StoreVerdict {
    if (mark === undefined || header.clusterId === 0n) return 'forward';
    if (header.clusterId !== mark.clusterId) return 'reset';
    return header.revision < mark.revision || header.raftTerm < mark.raftTerm ? 'suspicious' : 'forward';
  }

  /** Judges a linearizable answer: a quorum that shows less than was seen before it was asked has lost it. */
  judgeQuorum(header: ResponseHeader, mark: StoreMark | undefined): StoreVerdict {
    return this.judgeMember(header, mark) === 'forward' ? 'forward' : 'reset';
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
    this.#mark = undefined;
    this.note(header);
  }
}
