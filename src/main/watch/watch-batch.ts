/** What a single watch delivers at a time. Main thread; pure views. */
import { indexRule } from '../../wire/arguments.js';
import { firstOf, defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import type { WatchSlice } from './watch-entry.js';
import { WatchEvent } from './watch-event.js';

/** Events of one watch that arrived together: whole revisions, in order. */
export class WatchBatch implements Iterable<WatchEvent> {
  readonly #slice: WatchSlice;
  /** How many events; 0 for progress. */
  readonly length: number;

  /** @internal */
  constructor(slice: WatchSlice) {
    this.#slice = slice;
    const { segmentEvents } = slice.data;
    let length = 0;
    for (let index = 0; index < slice.segmentCount; index += 1) length += segmentEvents[slice.segmentAt(index)] ?? 0;
    this.length = length;
  }

  /** The watch has come this far: everything up to and including it has been delivered with this batch. */
  get revision(): bigint {
    const { data, starts } = this.#slice;
    const segment = this.#slice.segmentAt(this.#slice.segmentCount - 1);
    const count = data.segmentEvents[segment] ?? 0;
    const last = (starts[segment] ?? 0) + count - 1;
    return BigInt((count > 0 ? data.modRevision[last] : data.segmentRevision[segment]) ?? 0);
  }

  /** No events, only {@link revision}. Comes only where `progressNotify` was asked for. */
  get progress(): boolean {
    return this.length === 0;
  }

  /** The event at `index`, counted from the end when negative; undefined outside. @throws EtcdError `invalid-argument` for no whole number. */
  at(index: number): WatchEvent | undefined {
    indexRule(index, 'at: index');
    let from = index < 0 ? index + this.length : index;
    if (from < 0 || from >= this.length) return undefined;
    const { data, starts } = this.#slice;
    for (let position = 0; ; position += 1) {
      const segment = this.#slice.segmentAt(position);
      const count = data.segmentEvents[segment] ?? 0;
      if (from < count) return new WatchEvent(data, (starts[segment] ?? 0) + from);
      from -= count;
    }
  }

  toJSON(): Record<string, unknown> {
    return jsonForm({ revision: this.revision, events: Array.from(this) });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  /** The first events, and how many more there are. */
  static {
    defineInspect<WatchBatch>(WatchBatch.prototype, function (options) {
      const { revision, length } = this;
      return inspectFields('WatchBatch', { length, revision, events: firstOf(this, length) }, options);
    });
  }

  [Symbol.iterator](): IterableIterator<WatchEvent> {
    return new EventIterator(this.#slice);
  }
}

/** Written out, since a generator costs several times as much per event. */
class EventIterator implements IterableIterator<WatchEvent> {
  readonly #slice: WatchSlice;
  #position = 0;
  #row = 0;
  #end = 0;

  constructor(slice: WatchSlice) {
    this.#slice = slice;
  }

  next(): IteratorResult<WatchEvent> {
    const slice = this.#slice;
    while (this.#row >= this.#end) {
      if (this.#position >= slice.segmentCount) return { done: true, value: undefined };
      const segment = slice.segmentAt(this.#position++);
      this.#row = slice.starts[segment] ?? 0;
      this.#end = this.#row + (slice.data.segmentEvents[segment] ?? 0);
    }
    return { done: false, value: new WatchEvent(slice.data, this.#row++) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
