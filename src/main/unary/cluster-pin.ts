/**
 * Which cluster an engine works with: learnt from the first member that says so, and asked for before any other member is
 * used. Main thread; no I/O.
 */

export class ClusterPin {
  readonly #onLearnt: (clusterId: bigint) => void;
  #known: bigint | undefined;

  /** @param onLearnt the cluster has become known, or its store was replaced by another. */
  constructor(onLearnt: (clusterId: bigint) => void) {
    this.#onLearnt = onLearnt;
  }

  get known(): bigint | undefined {
    return this.#known;
  }

  /** Takes note of the cluster that is worked with from now on. 0n, of members that do not tell, is none. */
  learn(clusterId: bigint): void {
    if (clusterId === 0n || clusterId === this.#known) return;
    this.#known = clusterId;
    this.#onLearnt(clusterId);
  }

  /** Whether a member that says so belongs to it; the first one decides. */
  admits(clusterId: bigint): boolean {
    if (this.#known === undefined) this.learn(clusterId);
    return clusterId === 0n || this.#known === undefined || clusterId === this.#known;
  }
}
