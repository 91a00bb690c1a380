/**
 * Decodes WatchResponse by hand, straight into the columns of a batch. Two passes over the bytes in place: the head (what
 * kind of answer, for which watch, at which revision; events are only counted and located), then the events. Unknown
 * fields are skipped; anything that is not protobuf throws `malformed-response`. No I/O and no state between messages.
 */
import { EVENT_DELETE, EVENT_PUT, NO_PREV } from '../../wire/event-batch.js';
import { malformed, ProtoReader, WIRE_LENGTH, WIRE_VARINT } from '../../wire/proto-reader.js';
import type { BatchWriter } from '../batch/batch-writer.js';

/** The tag of `WatchResponse.events`. */
const TAG_EVENTS = 11 * 8 + WIRE_LENGTH;

/** All of a WatchResponse but its events. One object is reused for every message. */
export class WatchHead {
  /** -1 answers to the whole stream: progress that was asked for, and creations that failed. */
  streamWatchId = 0;
  created = false;
  canceled = false;
  fragment = false;
  compactRevision = 0;
  cancelReason = '';
  /** The store's revision when this was sent, 0 where the header is empty. */
  revision = 0;
  clusterIdLow = 0;
  clusterIdHigh = 0;
  eventCount = 0;
  /** Where the first event's tag stands. */
  eventsStart = 0;

  clear(): void {
    this.streamWatchId = 0;
    this.created = false;
    this.canceled = false;
    this.fragment = false;
    this.compactRevision = 0;
    this.cancelReason = '';
    this.revision = 0;
    this.clusterIdLow = 0;
    this.clusterIdHigh = 0;
    this.eventCount = 0;
    this.eventsStart = 0;
  }
}

const reader = new ProtoReader();

/** First pass: fills `head` from the message. */
export function decodeWatchHead(head: WatchHead, buffer: Uint8Array, start: number, end: number): void {
  head.clear();
  reader.reset(buffer, start, end);
  for (;;) {
    const fieldStart = reader.position;
    const tag = reader.tag();
    switch (tag) {
      case 0:
        return;
      case TAG_EVENTS: {
        const length = reader.length();
        reader.position += length;
        if (head.eventCount === 0) head.eventsStart = fieldStart;
        head.eventCount += 1;
        break;
      }
      case 1 * 8 + WIRE_LENGTH:
        decodeHeader(head);
        break;
      case 2 * 8 + WIRE_VARINT:
        head.streamWatchId = reader.safeInteger();
        break;
      case 3 * 8 + WIRE_VARINT:
        head.created = reader.uint32() !== 0;
        break;
      case 4 * 8 + WIRE_VARINT:
        head.canceled = reader.uint32() !== 0;
        break;
      case 5 * 8 + WIRE_VARINT:
        head.compactRevision = reader.revision();
        break;
      case 6 * 8 + WIRE_LENGTH:
        head.cancelReason = reader.string();
        break;
      case 7 * 8 + WIRE_VARINT:
        head.fragment = reader.uint32() !== 0;
        break;
      default:
        reader.skip(tag);
    }
  }
}

/** The watch id of a message that {@link decodeWatchHead} could not read, as far as one can be made out in it. */
export function findStreamWatchId(buffer: Uint8Array, start: number, end: number): number | undefined {
  reader.reset(buffer, start, end);
  try {
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 2 * 8 + WIRE_VARINT) return reader.safeInteger();
      reader.skip(tag);
    }
  } catch {
    // Broken before its id: it belongs to nobody.
  }
  return undefined;
}

function decodeHeader(head: WatchHead): void {
  const length = reader.length();
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 1 * 8 + WIRE_VARINT:
        reader.int64();
        head.clusterIdLow = reader.low;
        head.clusterIdHigh = reader.high;
        break;
      case 3 * 8 + WIRE_VARINT:
        head.revision = reader.revision();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
}

/**
 * Second pass: appends the events found from `start` to `end` whose revision is at least `fromRevision` to the writer and
 * copies that region into its heap. Returns the last revision appended, or 0 for none. Throws, leaving the writer to be
 * rolled back, where the bytes are malformed or revisions go down.
 */
export function decodeEvents(
  writer: BatchWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  fromRevision: number,
): number {
  const shift = writer.regionStart - start;
  let last = 0;
  reader.reset(buffer, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== TAG_EVENTS) {
      reader.skip(tag);
      continue;
    }
    const length = reader.length();
    reader.end = reader.position + length;
    const revision = decodeEvent(writer, shift);
    reader.end = end;
    if (revision < fromRevision) continue;
    if (revision < last) throw malformed('events of one watch are not in the order of their revisions');
    last = revision;
    writer.keepEvent();
  }
  if (last !== 0) writer.addRegion(buffer, start, end);
  return last;
}

/** Fills the writer's free row with one event and returns its revision. */
function decodeEvent(writer: BatchWriter, shift: number): number {
  const columns = writer.columns;
  const row = columns.eventCount;
  columns.type[row] = EVENT_PUT;
  if (columns.lease) columns.lease[row] = 0n;
  if (columns.prev) columns.prev.valueStart[row] = NO_PREV;
  let revision = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 1 * 8 + WIRE_VARINT:
        columns.type[row] = reader.uint32() === 0 ? EVENT_PUT : EVENT_DELETE;
        break;
      case 2 * 8 + WIRE_LENGTH:
        revision = decodeKeyValue(writer, row, shift);
        break;
      case 3 * 8 + WIRE_LENGTH:
        decodePrevKeyValue(writer, row, shift);
        break;
      default:
        reader.skip(tag);
    }
  }
  if (revision <= 0) throw malformed('an event has no revision');
  return revision;
}

function decodeKeyValue(writer: BatchWriter, row: number, shift: number): number {
  const columns = writer.columns;
  const length = reader.length();
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  let modRevision = 0;
  let createRevision = 0;
  let version = 0;
  let keyStart = 0;
  let keyLength = 0;
  let valueStart = 0;
  let valueLength = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 1 * 8 + WIRE_LENGTH:
        keyLength = reader.length();
        keyStart = reader.position + shift;
        reader.position += keyLength;
        break;
      case 2 * 8 + WIRE_VARINT:
        createRevision = reader.revision();
        break;
      case 3 * 8 + WIRE_VARINT:
        modRevision = reader.revision();
        break;
      case 4 * 8 + WIRE_VARINT:
        version = reader.revision();
        break;
      case 5 * 8 + WIRE_LENGTH:
        valueLength = reader.length();
        valueStart = reader.position + shift;
        reader.position += valueLength;
        break;
      case 6 * 8 + WIRE_VARINT:
        reader.int64();
        if (reader.low !== 0 || reader.high !== 0) writer.leaseColumn()[row] = reader.bigint;
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  columns.keyStart[row] = keyStart;
  columns.keyLength[row] = keyLength;
  columns.valueStart[row] = valueStart;
  columns.valueLength[row] = valueLength;
  columns.modRevision[row] = modRevision;
  columns.createRevision[row] = createRevision;
  columns.version[row] = version;
  return modRevision;
}

function decodePrevKeyValue(writer: BatchWriter, row: number, shift: number): void {
  const prev = writer.prevColumns();
  const length = reader.length();
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  prev.valueStart[row] = 0;
  prev.valueLength[row] = 0;
  prev.modRevision[row] = 0;
  prev.createRevision[row] = 0;
  prev.version[row] = 0;
  prev.lease[row] = 0n;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 2 * 8 + WIRE_VARINT:
        prev.createRevision[row] = reader.revision();
        break;
      case 3 * 8 + WIRE_VARINT:
        prev.modRevision[row] = reader.revision();
        break;
      case 4 * 8 + WIRE_VARINT:
        prev.version[row] = reader.revision();
        break;
      case 5 * 8 + WIRE_LENGTH:
        prev.valueLength[row] = reader.length();
        prev.valueStart[row] = reader.position + shift;
        reader.position += prev.valueLength[row] ?? 0;
        break;
      case 6 * 8 + WIRE_VARINT:
        reader.int64();
        prev.lease[row] = reader.bigint;
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
}

/** Where the events of the last revision in a region begin, and that revision; for messages that end inside a revision. */
export interface LastRevision {
  readonly revision: number;
  readonly start: number;
  /** True where the region holds no other revision. */
  readonly whole: boolean;
}

/** Finds {@link LastRevision}; only called for fragments. */
export function findLastRevision(buffer: Uint8Array, start: number, end: number): LastRevision {
  let revision = 0;
  let revisionStart = start;
  let revisions = 0;
  reader.reset(buffer, start, end);
  for (;;) {
    const fieldStart = reader.position;
    const tag = reader.tag();
    if (tag === 0) return { revision, start: revisionStart, whole: revisions <= 1 };
    if (tag !== TAG_EVENTS) {
      reader.skip(tag);
      continue;
    }
    const length = reader.length();
    const eventEnd = reader.position + length;
    reader.end = eventEnd;
    const eventRevision = eventModRevision();
    reader.end = end;
    reader.position = eventEnd;
    if (eventRevision !== revision) {
      revision = eventRevision;
      revisionStart = fieldStart;
      revisions += 1;
    }
  }
}

/** The mod revision of the event that the reader stands at the beginning of. */
function eventModRevision(): number {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 2 * 8 + WIRE_LENGTH) {
      reader.skip(tag);
      continue;
    }
    const length = reader.length();
    reader.end = reader.position + length;
    for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
      if (inner === 3 * 8 + WIRE_VARINT) return reader.revision();
      reader.skip(inner);
    }
    break;
  }
  throw malformed('an event has no revision');
}
