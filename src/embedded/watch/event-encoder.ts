/**
 * Changes as the events of a WatchResponse, encoded once for all watchers that get the same ones. Server thread; pure.
 */
import { ProtoWriter } from '../../wire/proto-writer.js';
import type { StoredValue } from '../store/stored-value.js';
import { NO_DELETE, NO_PUT, PREV_KV } from './watcher.js';

const EVENTS_FIELD = 11;
const DELETE = 1;

/** Events in a row, each with its tag and length: what stands in a WatchResponse. */
export interface EncodedEvents {
  readonly bytes: Uint8Array;
  /** Where each event ends in `bytes`. */
  readonly ends: readonly number[];
  /** The revision of each event, ascending. */
  readonly revisions: readonly number[];
}

/** A key's value before a change; undefined where there was none, or where that revision is compacted. */
export type ValueBefore = (change: StoredValue) => StoredValue | undefined;

/** @param variant which of the changes, and whether with the values before them. */
export function encodeEvents(changes: readonly StoredValue[], variant: number, before: ValueBefore): EncodedEvents {
  const writer = new ProtoWriter(1024);
  const ends: number[] = [];
  const revisions: number[] = [];
  for (const change of changes) {
    const deletion = change.version === 0;
    if ((variant & (deletion ? NO_DELETE : NO_PUT)) !== 0) continue;
    const event = writer.beginMessage(EVENTS_FIELD);
    if (deletion) writer.uintField(1, DELETE);
    writeKeyValue(writer, 2, change);
    if ((variant & PREV_KV) !== 0 && change.createRevision !== change.modRevision) {
      const previous = before(change);
      if (previous !== undefined) writeKeyValue(writer, 3, previous);
    }
    writer.endMessage(event);
    ends.push(writer.length);
    revisions.push(change.modRevision);
  }
  return { bytes: writer.take(), ends, revisions };
}

function writeKeyValue(writer: ProtoWriter, field: number, stored: StoredValue): void {
  const start = writer.beginMessage(field);
  writer.bytes(1, stored.key);
  writer.uintField(2, stored.createRevision);
  writer.uintField(3, stored.modRevision);
  writer.uintField(4, stored.version);
  writer.bytes(5, stored.value);
  writer.int64Field(6, stored.lease);
  writer.endMessage(start);
}
