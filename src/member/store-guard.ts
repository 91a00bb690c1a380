/**
 * Notices a store that went backwards: wiped, restored from a snapshot, or another cluster at the same address. Knows the
 * highest revision and term seen in this engine; a member that shows less is either behind, which a linearizable read
 * through it tells, or its store has been replaced. Does no I/O itself.
 */
import type { ConnectionSettings } from '../wire/connection-settings.js';
import type { KnownRevision, StoreMark } from '../wire/contract.js';
import { MAX_REVISION } from '../wire/int64.js';
import type { ResponseHeader } from '../wire/response-header.js';

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

/** What the header of a stream's answer tells; the two halves of a cluster id, since a bigint for each answer costs too much. */
export interface AnswerMark {
  readonly revision: number;
  readonly clusterIdLow: number;
  readonly clusterIdHigh: number;
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
  #mark: { readonly clusterId: bigint; revision: number; raftTerm: bigint } | undefined;
  /** The mark's cluster id, as answers of streams tell it. */
  #clusterIdLow = 0;
  #clusterIdHigh = 0;

  constructor(mark: StoreMark | undefined) {
    if (mark !== undefined) this.#setMark(mark);
  }

  get mark(): StoreMark | undefined {
    return this.#mark && { ...this.#mark };
  }

  /** What is known now: to be kept while a question is on its way, since streams move on meanwhile. */
  knowledge(): StoreKnowledge {
    return { mark: this.mark, restarts: this.#restarts };
  }

  /** How often the store has been replaced: what was opened before belongs to an older one. */
  get restarts(): number {
    return this.#restarts;
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
    this.#setMark({
      clusterId: header.clusterId,
      revision: Math.max(header.revision, mark?.revision ?? 0),
      raftTerm: mark !== undefined && mark.raftTerm > header.raftTerm ? mark.raftTerm : header.raftTerm,
    });
  }

  /**
   * Takes note of an answer on a stream of that store. An answer that does not name the store's cluster tells nothing: a proxy
   * puts the revision that a watch asked for into the header of an answer that it makes up.
   *
   * @param restarts how often the store had been replaced when the stream was opened.
   */
  noteAnswer(answer: AnswerMark, restarts: number): void {
    const mark = this.#mark;
    if (mark === undefined || answer.revision <= mark.revision || restarts !== this.#restarts) return;
    if (answer.clusterIdLow !== this.#clusterIdLow || answer.clusterIdHigh !== this.#clusterIdHigh) return;
    mark.revision = answer.revision;
  }

  /**
   * Takes note of a revision that another part of this engine has seen of the store, from a member that belongs to its cluster.
   * A revision of another cluster is left alone, and so is one of a store that has been replaced since: it says `restarts` of then.
   */
  learn({ clusterId, revision, restarts = this.#restarts }: KnownRevision): void {
    if (restarts !== this.#restarts) return;
    if (clusterId === 0n || revision <= 0 || revision > MAX_REVISION) return;
    const mark = this.#mark;
    const known = mark?.clusterId ?? this.#clusterId;
    if (known !== undefined && known !== clusterId) return;
    // Its term is not known here; none is lower.
    if (mark === undefined) this.#setMark({ clusterId, revision, raftTerm: 0n });
    else if (revision > mark.revision) mark.revision = revision;
  }

  /** Starts anew with the store that took the place of the old one. */
  restart(header: ResponseHeader): void {
    this.#restarts += 1;
    this.#mark = undefined;
    this.#clusterId = header.clusterId;
    this.#others.clear();
    this.note(header);
  }

  #setMark(mark: StoreMark): void {
    this.#mark = { ...mark };
    this.#clusterIdLow = Number(mark.clusterId & 0xffff_ffffn);
    this.#clusterIdHigh = Number(mark.clusterId >> 32n);
  }
}

function judge(header: ResponseHeader, mark: StoreMark | undefined): StoreVerdict {
  if (mark === undefined || header.clusterId === 0n) return 'forward';
  if (header.clusterId !== mark.clusterId) return 'reset';
  return header.revision < mark.revision || header.raftTerm < mark.raftTerm ? 'suspicious' : 'forward';
}
