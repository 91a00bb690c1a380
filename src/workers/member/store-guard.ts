/**
 * Notices a store that went backwards: wiped, restored from a snapshot, or another cluster at the same address. Knows the
 * highest revision and term seen in this engine; a member that shows less is either behind, which a linearizable read
 * through it tells, or its store has been replaced. Does no I/O itself.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
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

/** Whether a member belongs to the cluster that was seen before. */
export type ClusterVerdict =
  | 'same'
  /** Another cluster is behind this endpoint, while the one known may well live on: not to be used. */
  | 'foreign'
  /** Most members say that they are another cluster: the old one was made anew. */
  | 'replaced';

export class StoreGuard {
  #restarts = 0;
  #clusterId: bigint | undefined;
  /** Endpoints by the other cluster that was found behind them last. */
  readonly #others = new Map<string, bigint>();
  /** Endpoints that were seen to belong to the known cluster. */
  readonly #seen = new Set<string>();
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
   * Judges which cluster a member belongs to. One member with another cluster id among several is a mistake in the list of
   * endpoints; when most of those that belonged to the cluster show the same new id, the cluster was made anew. Endpoints
   * that came later and were never seen to belong to it have no voice in that.
   *
   * @param clusterId as the member says it; 0n where it does not.
   */
  identify(
    endpoint: string,
    clusterId: bigint,
    settings: Pick<ConnectionSettings, 'endpoints' | 'clusterId' | 'strangers'>,
  ): ClusterVerdict {
    if (clusterId === 0n) return 'same';
    const known = this.#mark?.clusterId ?? this.#clusterId ?? settings.clusterId;
    if (known === undefined || known === clusterId) {
      this.#clusterId = clusterId;
      this.#others.delete(endpoint);
      this.#seen.add(endpoint);
      return 'same';
    }
    this.#others.set(endpoint, clusterId);
    const isStranger = (text: string): boolean => settings.strangers?.includes(text) === true && !this.#seen.has(text);
    const voters = settings.endpoints.map(({ text }) => text).filter((text) => !isStranger(text));
    const votes = voters.filter((text) => this.#others.get(text) === clusterId).length;
    return votes * 2 > voters.length ? 'replaced' : 'foreign';
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
    this.#clusterId = header.clusterId;
    this.#others.clear();
    this.note(header);
  }
}

function judge(header: ResponseHeader, mark: StoreMark | undefined): StoreVerdict {
  if (mark === undefined || header.clusterId === 0n) return 'forward';
  if (header.clusterId !== mark.clusterId) return 'reset';
  return header.revision < mark.revision || header.raftTerm < mark.raftTerm ? 'suspicious' : 'forward';
}
