/** What a group delivers at a time: events of many watches that arrived together. Main thread; views made when read. */
import { firstOf, defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import { EventSpan } from './event-span.js';
import type { WatchEntry, WatchSlice } from './watch-entry.js';

/** Whole revisions of one watch. */
export class GroupPart {
  readonly #slice: WatchSlice;
  readonly #entry: WatchEntry;
  readonly #segment: number;

  /** @internal */
  constructor(slice: WatchSlice, entry: WatchEntry, segment: number) {
    this.#slice = slice;
    this.#entry = entry;
    this.#segment = segment;
  }

  /** The label of the watch in its group. */
  get watchId(): bigint {
    return this.#entry.watchId;
  }

  /** How many events; 0 for progress. */
  get length(): number {
    return this.#slice.data.segmentEvents[this.#segment] ?? 0;
  }

  /** In the order of their revisions. */
  get events(): EventSpan {
    return new EventSpan(this.#slice.data, this.#slice.starts[this.#segment] ?? 0, this.length);
  }

  /** The watch has come this far: everything up to and including it has been delivered with this part. */
  get revision(): bigint {
    const { data, starts } = this.#slice;
    const count = this.length;
    const last = (starts[this.#segment] ?? 0) + count - 1;
    return BigInt((count > 0 ? data.modRevision[last] : data.segmentRevision[this.#segment]) ?? 0);
  }

  /** No events, only {@link revision}. Comes only where `progressNotify` was asked for. */
  get progress(): boolean {
    return this.length === 0;
  }

  toJSON(): Record<string, unknown> {
    const { watchId, revision, events } = this;
    return jsonForm({ watchId, revision, events });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  static {
    defineInspect<GroupPart>(GroupPart.prototype, function (options) {
      const { watchId, length, revision, events } = this;
      return inspectFields('GroupPart', { watchId, length, revision, events }, options);
    });
  }
}

/** Everything that arrived together for the watches of a group. The parts of one watch stand in order. */
export class GroupBatch implements Iterable<GroupPart> {
  readonly #slice: WatchSlice;
  #parts: readonly GroupPart[] | undefined;

  /** @internal */
  constructor(slice: WatchSlice) {
    this.#slice = slice;
  }

  /** Events in all parts. */
  get eventCount(): number {
    return this.#slice.eventCount;
  }

  /** One for each run of events of one watch; a watch may have several. */
  get parts(): readonly GroupPart[] {
    this.#parts ??= Array.from(this);
    return this.#parts;
  }

  toJSON(): Record<string, unknown> {
    return jsonForm({ parts: Array.from(this) });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  /** The first parts, and how many more there are. */
  static {
    defineInspect<GroupBatch>(GroupBatch.prototype, function (options) {
      const { eventCount } = this;
      return inspectFields('GroupBatch', { eventCount, parts: firstOf(this, this.#slice.segmentCount) }, options);
    });
  }

  /** The parts, without an array of them. */
  [Symbol.iterator](): IterableIterator<GroupPart> {
    return new PartIterator(this.#slice);
  }
}

/** Written out, since a generator costs several times as much per part. */
class PartIterator implements IterableIterator<GroupPart> {
  readonly #slice: WatchSlice;
  readonly #count: number;
  #index = 0;

  constructor(slice: WatchSlice) {
    this.#slice = slice;
    this.#count = slice.segmentCount;
  }

  next(): IteratorResult<GroupPart> {
    while (this.#index < this.#count) {
      const segment = this.#slice.segmentAt(this.#index++);
      const entry = this.#slice.entries[segment];
      if (entry !== undefined) return { done: false, value: new GroupPart(this.#slice, entry, segment) };
    }
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
