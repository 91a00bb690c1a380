/**
 * Between what arrives and the one who reads it: a queue with a byte count, read by an iterator or handed to a callback.
 * Main thread. Keeps order, including ends; copies only what has to wait; knows no watches and no budgets.
 */
import { EtcdError } from '../../wire/errors.js';
import { callGuarded } from '../callbacks.js';
import { SliceQueue } from './slice-queue.js';
import type { WatchEntry, WatchSlice } from './watch-entry.js';

export interface DeliveryOptions<View> {
  readonly onBatch: ((view: View) => void | PromiseLike<void>) | undefined;
  /** What the consumer sees of a slice. */
  readonly render: (slice: WatchSlice) => View;
  /** Bytes left the queue. */
  readonly onDrained: () => void;
  /** The callback threw or its promise was rejected. */
  readonly onConsumerFailed: (thrown: unknown) => void;
  /** The consumer left its loop. */
  readonly onReturn: () => void;
}

interface Reader<View> {
  readonly resolve: (result: IteratorResult<View>) => void;
  readonly reject: (error: EtcdError) => void;
}

/** Who takes slices at this moment. */
type Consumer<View> =
  /** Nobody yet. */
  | { readonly kind: 'none' }
  | { readonly kind: 'iterator'; readonly readers: Reader<View>[] }
  | { readonly kind: 'callback'; readonly call: (view: View) => void | PromiseLike<void>; readonly busy: boolean };

/** How it is over: reading on gives the end, or throws once. */
type Closed = { readonly error: EtcdError | undefined } | undefined;

export class Delivery<View> {
  readonly #options: DeliveryOptions<View>;
  readonly #queue = new SliceQueue();
  #consumer: Consumer<View>;
  #closed: Closed;

  constructor(options: DeliveryOptions<View>) {
    this.#options = options;
    this.#consumer =
      options.onBatch === undefined ? { kind: 'none' } : { kind: 'callback', call: options.onBatch, busy: false };
  }

  /** Bytes that wait, as memory is held by them. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Takes a slice: read at once if somebody is ready for it, otherwise queued on its own. */
  offer(offered: WatchSlice): void {
    // A consumer called for an earlier slice of the same batch may have cancelled what this one holds.
    const slice = this.#closed === undefined ? offered.wanted() : undefined;
    if (slice === undefined) return;
    if (this.#queue.isEmpty) {
      const consumer = this.#consumer;
      if (consumer.kind === 'callback' && !consumer.busy) {
        this.#call(consumer.call, slice);
        this.#pump(consumer.call);
        return;
      }
      if (consumer.kind === 'iterator') {
        const reader = consumer.readers.shift();
        if (reader !== undefined) {
          reader.resolve({ done: false, value: this.#options.render(slice) });
          return;
        }
      }
    }
    this.#queue.add(slice);
  }

  /** The first revision of a watch that waits here; undefined when none does. */
  firstQueuedRevision(entry: WatchEntry): number | undefined {
    return this.#queue.firstRevisionOf(entry);
  }

  /** Runs when everything offered before has been taken: at once when nothing waits. */
  notice(run: () => void): void {
    if (this.#closed !== undefined) return;
    const busy = this.#consumer.kind === 'callback' && this.#consumer.busy;
    if (this.#queue.isEmpty && !busy) run();
    else this.#queue.notice(run);
  }

  /** Nothing comes any more; what waits is dropped, notices included. Readers get the end, or the error. */
  close(error?: EtcdError): void {
    if (this.#closed !== undefined) return;
    this.#closed = { error };
    this.#queue.clear();
    if (this.#consumer.kind !== 'iterator') return;
    const readers = this.#consumer.readers.splice(0);
    for (const reader of readers) {
      // Only the first is told the error: an iterator that has thrown is done.
      if (error !== undefined && reader === readers[0]) {
        this.#closed = { error: undefined };
        reader.reject(error);
      } else reader.resolve({ done: true, value: undefined });
    }
  }

  /**
   * The iterator. There is one at a time, since a batch goes to one reader.
   *
   * @throws EtcdError `invalid-argument` for a second one, and where batches go to `onBatch`.
   */
  iterate(): AsyncIterableIterator<View> {
    if (this.#consumer.kind === 'callback') throw refused('batches go to onBatch; leave onBatch out to iterate');
    if (this.#consumer.kind === 'iterator')
      throw refused('it is being iterated already; one loop reads at a time, since each batch goes to one reader');
    this.#consumer = { kind: 'iterator', readers: [] };
    const iterator: AsyncIterableIterator<View> = {
      next: () => this.#next(),
      return: async () => {
        this.#options.onReturn();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #next(): Promise<IteratorResult<View>> {
    const slice = this.#takeSlice();
    if (slice !== undefined) return Promise.resolve({ done: false, value: this.#options.render(slice) });
    // Asked after taking: a notice that was taken may have closed it.
    const closed = this.#closed;
    if (closed !== undefined) {
      this.#closed = { error: undefined };
      return closed.error === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(closed.error);
    }
    return new Promise((resolve, reject) => {
      if (this.#consumer.kind === 'iterator') this.#consumer.readers.push({ resolve, reject });
    });
  }

  /** The next slice that somebody still wants; runs the notices before it. */
  #takeSlice(): WatchSlice | undefined {
    for (;;) {
      const item = this.#queue.shift();
      if (item === undefined) return undefined;
      if (item.kind === 'notice') {
        item.run();
        continue;
      }
      this.#options.onDrained();
      const slice = item.slice.wanted();
      if (slice !== undefined) return slice;
    }
  }

  /** Busy while it runs, too: what it does may bring more, which must wait its turn. */
  #call(call: (view: View) => void | PromiseLike<void>, slice: WatchSlice): void {
    this.#consumer = { kind: 'callback', call, busy: true };
    const isDone = callGuarded(
      () => call(this.#options.render(slice)),
      this.#options.onConsumerFailed,
      () => {
        this.#consumer = { kind: 'callback', call, busy: false };
        this.#pump(call);
      },
    );
    if (isDone) this.#consumer = { kind: 'callback', call, busy: false };
  }

  /** Gives the callback what has come meanwhile, one after another, unless it is busy again. */
  #pump(call: (view: View) => void | PromiseLike<void>): void {
    while (this.#closed === undefined && !this.#isBusy) {
      const slice = this.#takeSlice();
      if (slice === undefined) return;
      this.#call(call, slice);
    }
  }

  get #isBusy(): boolean {
    return this.#consumer.kind === 'callback' && this.#consumer.busy;
  }
}

function refused(message: string): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent' });
}
