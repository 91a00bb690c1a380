/**
 * WatchResponses by hand: the header once a revision, the events once for all, and only the id of its own for each watcher.
 * Server thread; pure.
 */
import { ProtoWriter } from '../../wire/proto-writer.js';
import type { ServerIdentity } from '../response-header.js';
import type { EncodedEvents } from './event-encoder.js';
import { watchIdField } from './watcher.js';

/** etcd: `--max-request-bytes` (1.5 MiB) and 512 KiB for what comes with it. */
export const FRAGMENT_BYTES: number = 1.5 * 1024 * 1024 + 512 * 1024;

/** The id in answers that mean no watch, or all of them. */
export const NO_WATCH_ID = -1n;

/** Beside id and header, none of which is there in an answer with events. */
export interface ControlAnswer {
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
}

const FRAGMENT_FIELD = Uint8Array.of(7 * 8, 1);
const NOTHING = new Uint8Array(0);
const NO_WATCH_ID_FIELD: Uint8Array = watchIdField(NO_WATCH_ID);

export class WatchResponseEncoder {
  readonly #identity: ServerIdentity;
  readonly #writer = new ProtoWriter(256);
  readonly #fragmentBytes: number;
  #header: Uint8Array = NOTHING;
  #headerRevision = -1;

  constructor(identity: ServerIdentity, fragmentBytes: number = FRAGMENT_BYTES) {
    this.#identity = identity;
    this.#fragmentBytes = fragmentBytes;
  }

  /** @param revision of the header; 0 where etcd leaves it out. */
  control(revision: number, id: bigint, answer: ControlAnswer): Uint8Array {
    const writer = this.#writer;
    writer.boolField(3, answer.created === true);
    writer.boolField(4, answer.canceled === true);
    writer.int64Field(5, BigInt(answer.compactRevision ?? 0));
    if (answer.cancelReason !== undefined) writer.bytes(6, Buffer.from(answer.cancelReason));
    return Buffer.concat([this.#headerAt(revision), watchIdField(id), writer.take()]);
  }

  /** Where a watcher, or (without an id field) every watcher of the stream, stands. */
  progress(revision: number, idField: Uint8Array = NO_WATCH_ID_FIELD): Uint8Array {
    return Buffer.concat([this.#headerAt(revision), idField]);
  }

  /** The events from index `first` up to `end` in one answer. */
  events(revision: number, idField: Uint8Array, events: EncodedEvents, first: number, end: number): Uint8Array {
    return this.#join(this.#headerAt(revision), idField, NOTHING, events, first, end);
  }

  /**
   * The same, split as etcd splits it: as soon as an answer would reach the limit with one more event, but never less than one
   * event each.
   */
  fragments(revision: number, idField: Uint8Array, events: EncodedEvents, first: number, end: number): Uint8Array[] {
    const header = this.#headerAt(revision);
    const limit = this.#fragmentBytes - header.length - idField.length;
    if (end - first < 2 || bytesBetween(events, first, end) < limit) {
      return [this.#join(header, idField, NOTHING, events, first, end)];
    }
    const parts: Uint8Array[] = [];
    for (let at = first; at < end;) {
      let next = at + 1;
      while (next < end && bytesBetween(events, at, next + 1) + FRAGMENT_FIELD.length < limit) next += 1;
      parts.push(this.#join(header, idField, next < end ? FRAGMENT_FIELD : NOTHING, events, at, next));
      at = next;
    }
    return parts;
  }

  #join(
    header: Uint8Array,
    idField: Uint8Array,
    flag: Uint8Array,
    events: EncodedEvents,
    first: number,
    end: number,
  ): Uint8Array {
    const start = startOf(events, first);
    const stop = startOf(events, end);
    const message = Buffer.allocUnsafe(header.length + idField.length + flag.length + stop - start);
    message.set(header, 0);
    message.set(idField, header.length);
    message.set(flag, header.length + idField.length);
    message.set(events.bytes.subarray(start, stop), header.length + idField.length + flag.length);
    return message;
  }

  #headerAt(revision: number): Uint8Array {
    if (revision === this.#headerRevision) return this.#header;
    const writer = new ProtoWriter(48);
    const start = writer.beginMessage(1);
    writer.int64Field(1, this.#identity.clusterId);
    writer.int64Field(2, this.#identity.memberId);
    writer.uintField(3, revision);
    writer.uintField(4, this.#identity.raftTerm);
    writer.endMessage(start);
    this.#header = writer.take();
    this.#headerRevision = revision;
    return this.#header;
  }
}

function startOf(events: EncodedEvents, index: number): number {
  return index === 0 ? 0 : (events.ends[index - 1] ?? events.bytes.length);
}

function bytesBetween(events: EncodedEvents, first: number, end: number): number {
  return startOf(events, end) - startOf(events, first);
}
