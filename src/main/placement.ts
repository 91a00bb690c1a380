/** Which shard gets the next watch, and which a lease. Pure. */

/** A shard as placement sees it. */
export interface ShardLoad {
  readonly shard: number;
  readonly watchers: number;
  /** False for a shard that failed for good. One that is being replaced is alive: what is placed there is sent afterwards. */
  readonly isAlive: boolean;
}

/** The living shard with the fewest watchers, the first of several; undefined when none lives. */
export function leastLoadedShard(loads: Iterable<ShardLoad>): number | undefined {
  let best: ShardLoad | undefined;
  for (const load of loads) {
    if (load.isAlive && (best === undefined || load.watchers < best.watchers)) best = load;
  }
  return best?.shard;
}

/**
 * The shard of a lease follows from its id, so that the same id always meets itself. From the halves of the id, in either
 * order: with very many leases the bigints would be most of the main thread's garbage.
 */
export function shardOfLease(oneHalf: number, otherHalf: number, shards: number): number {
  return ((oneHalf ^ otherHalf) >>> 0) % shards;
}
