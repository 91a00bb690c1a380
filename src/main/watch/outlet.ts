/**
 * One consumer with its watches: what they bring goes to a {@link Delivery}, and its budget decides when they are detached,
 * attached again or ended. Main thread. Used by watcher and group; sees to it that each watch has exactly one outcome.
 */
import { EtcdError } from '../../wire/errors.js';
import { nameOfThrown } from '../callbacks.js';
import { publishWatchEnded } from '../diagnostics.js';
import { Delivery } from './delivery.js';
import { Hold } from './hold.js';
import type { WatchEntry, WatchSlice } from './watch-entry.js';
import { watchEnd, type WatchEnd } from './watch-end.js';
import type { OnLag } from './on-lag.js';
import type { WatchRequest } from './watch-request.js';
import type { WatchOwner, WatchRouter } from './watch-router.js';

export interface OutletOptions<View> {
  readonly router: WatchRouter;
  readonly onBatch: ((view: View) => void | PromiseLike<void>) | undefined;
  readonly render: (slice: WatchSlice) => View;
  readonly onLag: OnLag;
  readonly budgetBytes: number;
  /** A watch has its outcome; comes in order with what it delivered, unless it was cancelled. */
  readonly onEnd: (entry: WatchEntry, end: WatchEnd) => void;
  /** It is over, every watch of it has its outcome; with the error of a consumer that threw. */
  readonly onClosed: (error: EtcdError | undefined) => void;
  /** The consumer left its loop. */
  readonly onReturn: () => void;
  /** How many watches lag from now on: more than 0 when it fell behind, 0 when it has caught up. */
  readonly onLagChanged: (watches: number) => void;
}

/** An end that waits for the consumer to read what came before it. */
interface WaitingEnd {
  readonly error: EtcdError;
  readonly lastRevision: number | undefined;
}

export class Outlet<View> implements WatchOwner {
  readonly sorting: number[] = [];
  readonly #options: OutletOptions<View>;
  readonly #router: WatchRouter;
  readonly #delivery: Delivery<View>;
  /** Watches without an outcome. */
  readonly #entries = new Set<WatchEntry>();
  readonly #lagging = new Set<WatchEntry>();
  readonly #holds = new Map<WatchEntry, Hold>();
  readonly #ending = new Map<WatchEntry, WaitingEnd>();
  #isClosed = false;

  /** @throws EtcdError `closed`. */
  constructor(options: OutletOptions<View>) {
    this.#options = options;
    this.#router = options.router;
    this.#delivery = new Delivery({
      onBatch: options.onBatch,
      render: options.render,
      onDrained: () => this.#drained(),
      onConsumerFailed: (thrown) => this.consumerFailed(thrown),
      onReturn: options.onReturn,
    });
    this.#router.register(this);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Of slices that wait to be read, those of paused watches included. */
  get queuedBytes(): number {
    let bytes = this.#delivery.queuedBytes;
    for (const hold of this.#holds.values()) bytes += hold.bytes;
    return bytes;
  }

  get laggingCount(): number {
    return this.#lagging.size;
  }

  get entries(): ReadonlySet<WatchEntry> {
    return this.#entries;
  }

  /** @throws EtcdError `invalid-argument` where there is a reader already. */
  iterate(): AsyncIterableIterator<View> {
    return this.#delivery.iterate();
  }

  /** @throws EtcdError `closed`, `shard-failed`. */
  add(request: WatchRequest, watchId: bigint): WatchEntry {
    if (this.#isClosed) throw new EtcdError('it is closed', { code: 'closed', outcome: 'not-sent' });
    const entry = this.#router.open(request, watchId, this);
    this.#entries.add(entry);
    return entry;
  }

  deliver(slice: WatchSlice): void {
    if (this.#delivery.queuedBytes > this.#options.budgetBytes && !this.#overBudget(slice)) return;
    this.#delivery.offer(slice);
  }

  watchEnded(entry: WatchEntry, error: EtcdError): void {
    this.#endLater(entry, error, entry.lastReceived);
  }

  /** Ends a watch as cancelled, at once; what of it was not read is dropped. Resolves when the server has been told. */
  cancel(entry: WatchEntry): Promise<void> {
    if (!this.#entries.has(entry)) return Promise.resolve();
    // Where it ended by itself, unread or paused, that stays its outcome.
    const end = watchEnd(this.#ownEnd(entry), revision(this.#lastDelivered(entry)));
    const cancelled = this.#router.cancel(entry);
    this.#settle(entry, end);
    return cancelled;
  }

  /** Keeps back what comes for a watch and detaches it. Nothing is lost; nobody else is delayed. */
  pause(entry: WatchEntry): void {
    if (entry.paused || !this.#entries.has(entry)) return;
    entry.paused = true;
    const hold = new Hold(this);
    this.#holds.set(entry, hold);
    entry.sink = hold;
    this.#router.moved(entry);
  }

  /** Delivers what was kept back, then what the server replays. */
  resume(entry: WatchEntry): void {
    const hold = this.#holds.get(entry);
    if (hold === undefined) return;
    this.#holds.delete(entry);
    entry.paused = false;
    entry.sink = this;
    this.#router.moved(entry);
    hold.release();
  }

  /** Closes it: every watch ends as cancelled, what was not read is dropped, the iterator ends (or throws the error). */
  close(error?: EtcdError): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.#router.unregister(this);
    const cancelled = Array.from(this.#entries, (entry) => {
      // A consumer that failed is why its watches end; otherwise they end as asked.
      if (error !== undefined && this.#ownEnd(entry) === undefined)
        this.#ending.set(entry, { error, lastRevision: this.#lastDelivered(entry) });
      return this.cancel(entry);
    });
    this.#delivery.close(error);
    this.#options.onClosed(error);
    return Promise.all(cancelled).then(() => undefined);
  }

  /**
   * Whether the slice is still to be queued although the queue is full. Progress costs nothing, so it detaches nobody; but a watch that
   * asked to be ended when it falls behind is told so by whatever comes next behind its unread events.
   */
  #overBudget(slice: WatchSlice): boolean {
    const { segmentEvents, modRevision } = slice.data;
    const wasLagging = this.#lagging.size > 0;
    const isFatal = this.#options.onLag === 'fail';
    let isAnyEnded = false;
    for (let index = 0; index < slice.segmentCount; index += 1) {
      const segment = slice.segmentAt(index);
      const entry = slice.entryOf(segment);
      const hasEvents = (segmentEvents[segment] ?? 0) > 0;
      if (entry === undefined || this.#lagging.has(entry) || this.#ending.has(entry)) continue;
      if (isFatal) {
        if (!hasEvents && this.#delivery.firstQueuedRevision(entry) === undefined) continue;
        isAnyEnded = true;
        this.#router.drop(entry);
        const first = modRevision[slice.starts[segment] ?? 0] ?? 0;
        // Progress that is not read takes no event along: everything up to it was delivered.
        this.#endLater(entry, this.#laggingError(), hasEvents ? before(first, entry) : entry.lastReceived);
      } else if (hasEvents) {
        this.#lagging.add(entry);
        entry.lagging = true;
        this.#router.moved(entry);
      }
    }
    if (!wasLagging && this.#lagging.size > 0) this.#options.onLagChanged(this.#lagging.size);
    return !isAnyEnded;
  }

  #drained(): void {
    if (this.#lagging.size === 0 || this.#delivery.queuedBytes * 2 >= this.#options.budgetBytes) return;
    for (const entry of this.#lagging) {
      entry.lagging = false;
      this.#router.moved(entry);
    }
    this.#lagging.clear();
    this.#options.onLagChanged(0);
  }

  /** Settles it once the consumer has read what came before. */
  #endLater(entry: WatchEntry, error: EtcdError, lastRevision: number | undefined): void {
    if (this.#ending.has(entry) || !this.#entries.has(entry)) return;
    this.#ending.set(entry, { error, lastRevision });
    if (!entry.created) entry.ready.reject(error);
    this.#delivery.notice(() => {
      if (this.#ending.has(entry)) this.#settle(entry, watchEnd(error, revision(lastRevision)));
    });
  }

  /** The one outcome of a watch. */
  #settle(entry: WatchEntry, end: WatchEnd): void {
    if (!this.#entries.delete(entry)) return;
    this.#ending.delete(entry);
    this.#lagging.delete(entry);
    this.#holds.delete(entry);
    // Made only where somebody may be told: thousands of errors with their stacks take longer than the cancels.
    if (!entry.created) entry.ready.reject(end.reason === 'cancelled' ? cancelledError() : end.error);
    entry.ended.resolve(end);
    publishWatchEnded(this.#router.engine, entry.watchId, end);
    this.#options.onEnd(entry, end);
  }

  /** A callback of the consumer threw: that ends all its watches. Dropped where it is closed already. */
  consumerFailed(thrown: unknown): void {
    if (this.#isClosed) return;
    const error = new EtcdError(`a callback of the consumer threw (${nameOfThrown(thrown)}); see cause`, {
      code: 'callback-failed',
      cause: thrown,
    });
    void this.close(error);
  }

  /** How the watch has ended by itself, where its outcome has not been told yet. */
  #ownEnd(entry: WatchEntry): EtcdError | undefined {
    return this.#ending.get(entry)?.error ?? this.#holds.get(entry)?.error;
  }

  /** What of the watch has reached the consumer. */
  #lastDelivered(entry: WatchEntry): number | undefined {
    const hold = this.#holds.get(entry);
    const unread =
      this.#delivery.firstQueuedRevision(entry) ??
      hold?.firstRevisionOf(entry) ??
      this.#router.firstUndelivered(entry, this) ??
      (hold && this.#router.firstUndelivered(entry, hold));
    if (unread !== undefined) return before(unread, entry);
    const waiting = this.#ending.get(entry);
    return waiting === undefined ? entry.lastReceived : waiting.lastRevision;
  }

  #laggingError(): EtcdError {
    return new EtcdError(
      `the consumer left more than ${String(this.#options.budgetBytes)} bytes unread (options budgetBytes and onLag)`,
      { code: 'lagging' },
    );
  }
}

/** The last revision delivered when `first` is the first that was not; undefined when that is where the watch began. */
function before(first: number, entry: WatchEntry): number | undefined {
  return first > entry.first ? first - 1 : undefined;
}

function revision(number: number | undefined): bigint | undefined {
  return number === undefined ? undefined : BigInt(number);
}

function cancelledError(): EtcdError {
  return new EtcdError('the watch was cancelled before the server had created it', { code: 'aborted' });
}
