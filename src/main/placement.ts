/** Which shard gets the next watch. Pure. */

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
