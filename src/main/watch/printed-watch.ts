/** What `inspect` shows of a watch: its range, how far it has come and what it does. Main thread; pure. */
import { Bytes } from '../bytes.js';
import type { WatchEntry } from './watch-entry.js';

/** Its fields; keys are shown, values are not here. */
export function printedWatch(entry: WatchEntry): Record<string, unknown> {
  const { key, rangeEnd } = entry.request;
  const last = entry.lastReceived;
  return {
    watchId: entry.watchId,
    key: Bytes.view(key),
    ...(rangeEnd !== undefined && { rangeEnd: Bytes.view(rangeEnd) }),
    state: stateOf(entry),
    lastRevision: last === undefined ? undefined : BigInt(last),
  };
}

function stateOf(entry: WatchEntry): 'ended' | 'paused' | 'lagging' | 'watching' | 'starting' {
  if (entry.dropped || entry.ended.settled) return 'ended';
  if (entry.paused) return 'paused';
  if (entry.lagging) return 'lagging';
  return entry.created ? 'watching' : 'starting';
}
