/** Where the watches of a shard are, for stats. Pure. */
import type { WatchEntry } from './watch-entry.js';
import type { WatchLanes } from './watch-lanes.js';

export interface WatchCounts {
  readonly waiting: number;
  readonly live: number;
  readonly catchUp: number;
  readonly detached: number;
  readonly assemblyBytes: number;
}

export function countWatches(entries: Iterable<WatchEntry>, lanes: WatchLanes): WatchCounts {
  const counts = { waiting: 0, live: 0, catchUp: 0, detached: 0, assemblyBytes: 0 };
  for (const entry of entries) {
    counts.assemblyBytes += entry.assembly?.bytes ?? 0;
    const lane = lanes.of(entry);
    if (lane !== undefined) counts[lane === lanes.live ? 'live' : 'catchUp'] += 1;
    else counts[entry.state.at === 'detached' ? 'detached' : 'waiting'] += 1;
  }
  return counts;
}
