/** A run of events in a batch, as an iterable of views. Main thread; pure. */
import { inspect } from 'node:util';
import { indexRule } from '../../wire/arguments.js';
import type { EventBatchData } from '../../wire/event-batch.js';
import { firstOf, defineInspect } from '../../wire/text-form.js';
import { WatchEvent } from './watch-event.js';

/** Events that follow each other, in the order of their revisions. */
export class EventSpan implements Iterable<WatchEvent> {
  readonly #data: EventBatchData;
  readonly #first: number;
  readonly length: number;

  /** @internal */
  constructor(data: EventBatchData, first: number, length: number) {
    this.#data = data;
    this.#first = first;
    this.length = length;
  }

  /** The event at `index`, counted from the end when negative; undefined outside. @throws EtcdError `invalid-argument` for no whole number. */
  at(index: number): WatchEvent | undefined {
    indexRule(index, 'at: index');
    const from = index < 0 ? index + this.length : index;
    return from >= 0 && from < this.length ? new WatchEvent(this.#data, this.#first + from) : undefined;
  }

  toJSON(): readonly WatchEvent[] {
    return Array.from(this);
  }

  toString(): string {
    return JSON.stringify(this);
  }

  /** The first events, and how many more there are. */
  static {
    defineInspect<EventSpan>(EventSpan.prototype, function (options) {
      return `EventSpan(${String(this.length)}) ${inspect(firstOf(this, this.length), options)}`;
    });
  }

  [Symbol.iterator](): IterableIterator<WatchEvent> {
    return new SpanIterator(this.#data, this.#first, this.#first + this.length);
  }
}

/** Written out, since a generator costs several times as much per event. */
class SpanIterator implements IterableIterator<WatchEvent> {
  readonly #data: EventBatchData;
  readonly #end: number;
  #row: number;

  constructor(data: EventBatchData, first: number, end: number) {
    this.#data = data;
    this.#row = first;
    this.#end = end;
  }

  next(): IteratorResult<WatchEvent> {
    if (this.#row >= this.#end) return { done: true, value: undefined };
    return { done: false, value: new WatchEvent(this.#data, this.#row++) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
