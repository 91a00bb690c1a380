/** Progress of watches as a slice of its own, apart from the batch that it came in. Main thread; pure. */
import { SEGMENT_PROGRESS } from '../../wire/event-batch.js';
import { BatchSlice } from './batch-slice.js';
import type { WatchEntry, WatchSlice } from './watch-entry.js';

/** A part without events for each watch, which tells how far it has come. */
export function progressSlice(marks: ReadonlyMap<WatchEntry, number>): WatchSlice {
  const entries = Array.from(marks.keys());
  const none = new Uint32Array(0);
  const noRevisions = new Float64Array(0);
  const data = {
    heap: new Uint8Array(0),
    segmentCount: entries.length,
    eventCount: 0,
    segmentWatch: Uint32Array.from(entries, ({ watch }) => watch),
    segmentEvents: new Uint32Array(entries.length),
    segmentRevision: Float64Array.from(marks.values()),
    segmentFlags: new Uint8Array(entries.length).fill(SEGMENT_PROGRESS),
    type: new Uint8Array(0),
    keyStart: none,
    keyLength: none,
    valueStart: none,
    valueLength: none,
    modRevision: noRevisions,
    createRevision: noRevisions,
    version: noRevisions,
    lease: undefined,
    prev: undefined,
  };
  return new BatchSlice(data, new Uint32Array(entries.length), entries, undefined);
}
