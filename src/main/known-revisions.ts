/**
 * The highest revision of its store that an engine has seen in any answer: of unary calls, and as its shards tell. A watch from
 * now on begins after it. Main thread; pure.
 *
 * It belongs to one store. Revisions of other clusters are left alone, and all is forgotten when a shard finds that the store was
 * replaced: from then on only what was asked for afterwards counts, and a shard only once it has looked at a member anew, since
 * what was on its way may still speak of the old store.
 */
import type { KnownRevision } from '../wire/contract.js';
import { MAX_REVISION } from '../wire/int64.js';

export class KnownRevisions {
  readonly #clusterId: () => bigint | undefined;
  /** By cluster: which one this engine works with may become known after the first answers. */
  readonly #highest = new Map<bigint, number>();
  /** The cluster of each shard that is believed. */
  readonly #shards = new Map<number, bigint>();
  #epoch = 0;

  /** @param clusterId the cluster that the engine works with, once that is known. */
  constructor(clusterId: () => bigint | undefined) {
    this.#clusterId = clusterId;
  }

  /** Of the store that the engine works with; undefined before one is known. */
  get highest(): KnownRevision | undefined {
    const clusterId = this.#clusterId();
    const revision = clusterId === undefined ? undefined : this.#highest.get(clusterId);
    return clusterId === undefined || revision === undefined ? undefined : { clusterId, revision };
  }

  /** How often the store has been replaced; to be kept while a call is on its way. */
  get epoch(): number {
    return this.#epoch;
  }

  /** A member has answered a call that was sent in `epoch`. */
  answered(header: KnownRevision, epoch: number): void {
    if (epoch === this.#epoch) this.#note(header.clusterId, header.revision);
  }

  /** A shard has looked at a member, or has heard from one that it had looked at. */
  shardAt(shard: number, mark: KnownRevision): void {
    this.#shards.set(shard, mark.clusterId);
    this.#note(mark.clusterId, mark.revision);
  }

  /** A shard has brought events or progress of this revision. */
  shardBrought(shard: number, revision: number): void {
    this.#note(this.#shards.get(shard) ?? 0n, revision);
  }

  /** The store is not the one that was seen before. */
  storeReplaced(): void {
    this.#epoch += 1;
    this.#highest.clear();
    this.#shards.clear();
  }

  #note(clusterId: bigint, revision: number): void {
    const known = this.#clusterId();
    if (clusterId === 0n || (known !== undefined && clusterId !== known)) return;
    if (revision > MAX_REVISION || !(revision > (this.#highest.get(clusterId) ?? 0))) return;
    // What others told before the engine knew its cluster, or of the cluster before this one, is of no use any more.
    if (known !== undefined && !this.#highest.has(known)) this.#highest.clear();
    this.#highest.set(clusterId, revision);
  }
}
