/**
 * The highest revision of its store that an engine has seen in any answer: of unary calls, and as its shards tell. A watch from
 * now on begins after it. Main thread; pure.
 *
 * It belongs to one store. Revisions of other clusters are left alone, and all is forgotten when the first shard finds that the
 * store was replaced: from then on only what was asked for afterwards counts, and a shard only once it has looked at a member anew,
 * since what was on its way may still speak of the old store. The other shards find out one by one: each takes back only what it has
 * told itself, and not what is known of the new store by then.
 */
import type { KnownRevision } from '../wire/contract.js';
import { MAX_REVISION } from '../wire/int64.js';

export class KnownRevisions {
  readonly #clusterId: () => bigint | undefined;
  /** Of unary calls, by cluster: which one this engine works with may become known after the first answers. */
  readonly #answered = new Map<bigint, number>();
  /** What each shard tells that is believed. */
  readonly #told = new Map<number, KnownRevision>();
  /** The epoch of the store that each shard works with; none has told anything before the first. */
  readonly #shardEpochs = new Map<number, number>();
  #epoch = 0;
  /** Where the store of this epoch was when it was found, by the shard that found it; undefined until that has told. */
  #found: { readonly by: number; mark: KnownRevision | undefined } | undefined;

  /** @param clusterId the cluster that the engine works with, once that is known. */
  constructor(clusterId: () => bigint | undefined) {
    this.#clusterId = clusterId;
  }

  /** Of the store that the engine works with; undefined before one is known. */
  get highest(): KnownRevision | undefined {
    const clusterId = this.#clusterId();
    if (clusterId === undefined) return undefined;
    let revision = this.#answered.get(clusterId) ?? 0;
    for (const told of this.#told.values()) {
      if (told.clusterId === clusterId && told.revision > revision) revision = told.revision;
    }
    return revision === 0 ? undefined : { clusterId, revision };
  }

  /** How often the store has been replaced; to be kept while a call is on its way. */
  get epoch(): number {
    return this.#epoch;
  }

  /** A member has answered a call that was sent in `epoch`. */
  answered({ clusterId, revision }: KnownRevision, epoch: number): void {
    if (epoch !== this.#epoch || !this.#isUsable(clusterId, revision)) return;
    if (!(revision > (this.#answered.get(clusterId) ?? 0))) return;
    const known = this.#clusterId();
    // What others told before the engine knew its cluster, or of the cluster before this one, is of no use any more.
    if (known !== undefined && !this.#answered.has(known)) this.#answered.clear();
    this.#answered.set(clusterId, revision);
  }

  /** A shard has looked at a member, or has heard from one that it had looked at. */
  shardAt(shard: number, { clusterId, revision }: KnownRevision): void {
    const mark = { clusterId, revision };
    const found = this.#found;
    if (found?.by === shard) found.mark ??= mark;
    // It came here from an older store, and where this epoch's has never been: that was replaced meanwhile.
    else if (this.#hasJustMoved(shard) && found?.mark?.clusterId === clusterId && revision < found.mark.revision) {
      this.#startEpoch(shard, mark);
    }
    if (!this.#shardEpochs.has(shard)) this.#shardEpochs.set(shard, this.#epoch);
    const told = this.#told.get(shard);
    const before = told?.clusterId === clusterId ? told.revision : 0;
    const now = this.#isUsable(clusterId, revision) ? revision : 0;
    this.#told.set(shard, { clusterId, revision: Math.max(now, before) });
  }

  /** A shard has brought events or progress of this revision. */
  shardBrought(shard: number, revision: number): void {
    const told = this.#told.get(shard);
    if (told === undefined || !this.#isUsable(told.clusterId, revision) || revision <= told.revision) return;
    this.#told.set(shard, { clusterId: told.clusterId, revision });
  }

  /** A shard has found that the store is not the one that it had seen before. */
  storeReplaced(shard: number): void {
    if ((this.#shardEpochs.get(shard) ?? 0) === this.#epoch) {
      this.#startEpoch(shard, undefined);
      return;
    }
    // Another shard has told of that before: only what this one has said since is of the old store.
    this.#shardEpochs.set(shard, this.#epoch);
    this.#told.delete(shard);
  }

  #startEpoch(shard: number, mark: KnownRevision | undefined): void {
    this.#epoch += 1;
    this.#answered.clear();
    this.#told.clear();
    this.#shardEpochs.set(shard, this.#epoch);
    this.#found = { by: shard, mark };
  }

  /** Whether it is in the epoch of another shard's finding, and has not said since where it is. */
  #hasJustMoved(shard: number): boolean {
    return this.#shardEpochs.get(shard) === this.#epoch && !this.#told.has(shard);
  }

  #isUsable(clusterId: bigint, revision: number): boolean {
    const known = this.#clusterId();
    return clusterId !== 0n && (known === undefined || clusterId === known) && revision > 0 && revision <= MAX_REVISION;
  }
}
