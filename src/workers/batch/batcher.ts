/**
 * When a shard's batch leaves: at once while events are few (latency), by size or some ms after its first event when they are
 * many (throughput), and not at all while main has not taken the last ones off the port (credit). Owns the writer and the
 * flush timer; reports go out through `post`, so that a batch and what is said about its watches keep their order.
 *
 * A busy worker thread sleeps until its batch is due: what arrives meanwhile waits in the kernel and is read together. Being
 * woken for every message costs several times what decoding it does. While every sleep brings many events it sleeps again
 * right after sending, so that each interval has one wake and one read. Inline nobody is woken by a batch: it leaves as soon
 * as it is worth the handing over.
 */
import type { ShardLimits, ShardReport } from '../../wire/contract.js';
import { BatchWriter } from './batch-writer.js';

export interface BatcherOptions {
  readonly limits: ShardLimits;
  readonly post: (report: ShardReport, transfer: readonly ArrayBuffer[]) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** The credit is used up: stop reading from watch streams. */
  readonly onStall: () => void;
  /** There is credit again. */
  readonly onResume: () => void;
  /** Blocks the thread; left out where the thread is not the shard's own. */
  readonly sleep: ((ms: number) => void) | undefined;
}

/** Events that may come at once without being called busy; they drain at one a ms, so 1,000 a second never are. */
const BURST_EVENTS = 8;
/** So many are remembered at most: writers that wait for each other come in waves, with some 10 ms between them. */
const MAX_RECENT_EVENTS = 64;
/** Inline, so many are handed over at the end of their turn, however busy it is: fewer wait for more. */
const WORTHWHILE_EVENTS = 32;

export class Batcher {
  readonly writer: BatchWriter = new BatchWriter();
  readonly #options: BatcherOptions;
  #lastFlush = -Infinity;
  /** Since when what is there was gathered; undefined when nothing is. */
  #since: number | undefined;
  /** A leaky bucket of events: filled by each flush, drained by time. */
  #recentEvents = 0;
  #nextTurn: NodeJS.Immediate | undefined;
  #interval: NodeJS.Timeout | undefined;
  /** The thread has slept since the last flush: what is there came in one interval. */
  #slept = false;
  #createdWatches: number[] = [];
  #createdRevisions: number[] = [];
  #uncredited = 0;
  #stalled = false;
  #closed = false;
  #events = 0;
  #batches = 0;
  #bytes = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  get totals(): {
    readonly events: number;
    readonly batches: number;
    readonly bytes: number;
    readonly uncredited: number;
  } {
    return { events: this.#events, batches: this.#batches, bytes: this.#bytes, uncredited: this.#uncredited };
  }

  /** Something was appended to the writer: send it now, or see to it that it will be sent. */
  appended(): void {
    if (this.#stalled || this.#closed) return;
    const { limits } = this.#options;
    const { writer } = this;
    if (writer.bytes >= limits.flushBytes || writer.eventCount >= limits.flushEvents) this.#flushWithinCredit();
    // An immediate runs after all sockets that are readable in this turn were read: what arrived together leaves together.
    else this.#nextTurn ??= setImmediate(this.#onTurn);
  }

  /** How long what is there may wait; nothing while there is little to tell. */
  #waitMs(): number {
    const now = this.#options.now();
    this.#since ??= now;
    const isQuiet = this.#recentEvents - (now - this.#lastFlush) < BURST_EVENTS;
    return isQuiet ? 0 : this.#since + this.#options.limits.flushIntervalMs - now;
  }

  /** Tells main that a watch was created; leaves with the next flush, before any batch. */
  created(watch: number, startRevision: number): void {
    this.#createdWatches.push(watch);
    this.#createdRevisions.push(startRevision);
    if (!this.#stalled && !this.#closed) this.#nextTurn ??= setImmediate(this.#onTurn);
  }

  /** Sends a report that must come after everything appended so far, credit or not. */
  postInOrder(report: ShardReport): void {
    this.#flush();
    this.#options.post(report, []);
    this.#stallWhenSpent();
  }

  credit(bytes: number): void {
    this.#uncredited = Math.max(0, this.#uncredited - bytes);
    if (!this.#stalled || this.#uncredited >= this.#options.limits.creditBytes) return;
    this.#stalled = false;
    this.#flushWithinCredit();
    if (!this.stalled) this.#options.onResume();
  }

  /** Sends what is left and stops the timer. */
  close(): void {
    this.#closed = true;
    this.#flush();
  }

  readonly #onTurn = (): void => {
    this.#nextTurn = undefined;
    const { sleep } = this.#options;
    const { eventCount, empty } = this.writer;
    if (empty && this.#createdWatches.length === 0) {
      this.#forgetWait(); // a sleep has brought nothing
      return;
    }
    const waitMs = this.#waitMs();
    if (waitMs <= 0 || (sleep === undefined && eventCount >= WORTHWHILE_EVENTS)) {
      const isBusy = this.#slept && eventCount >= BURST_EVENTS;
      this.#flushWithinCredit();
      if (isBusy) this.#sleep(this.#options.limits.flushIntervalMs);
      // Creations are told together when they are many, but never by sleeping, since more creates wait for the answers.
    } else if (sleep === undefined || this.#createdWatches.length > 0) {
      this.#interval ??= setTimeout(this.#onInterval, Math.ceil(waitMs));
    } else this.#sleep(waitMs);
  };

  readonly #onInterval = (): void => {
    this.#interval = undefined;
    this.#flushWithinCredit();
  };

  /** The next turn of the event loop then reads all that has come, and its end sends it. */
  #sleep(ms: number): void {
    if (this.#stalled || this.#closed) return;
    this.#since ??= this.#options.now();
    this.#options.sleep?.(ms);
    this.#slept = true;
    this.#nextTurn ??= setImmediate(this.#onTurn);
  }

  #forgetWait(): void {
    this.#slept = false;
    this.#since = undefined;
  }

  #flushWithinCredit(): void {
    if (this.#stalled) return;
    this.#flush();
    this.#stallWhenSpent();
  }

  #stallWhenSpent(): void {
    if (this.#stalled || this.#closed || this.#uncredited < this.#options.limits.creditBytes) return;
    this.#stalled = true;
    this.#options.onStall();
  }

  #unschedule(): void {
    if (this.#nextTurn !== undefined) clearImmediate(this.#nextTurn);
    if (this.#interval !== undefined) clearTimeout(this.#interval);
    this.#nextTurn = undefined;
    this.#interval = undefined;
  }

  #flush(): void {
    this.#unschedule();
    this.#forgetWait();
    const created = this.#createdWatches.length;
    const events = this.writer.eventCount;
    if (created === 0 && this.writer.empty) return;
    const now = this.#options.now();
    const drained = Math.max(0, this.#recentEvents - (now - this.#lastFlush));
    this.#recentEvents = Math.min(MAX_RECENT_EVENTS, drained + events + created);
    this.#lastFlush = now;
    if (created > 0) this.#postCreated();
    if (!this.writer.empty) this.#postBatch();
  }

  #postCreated(): void {
    const watches = this.#createdWatches;
    const startRevisions = this.#createdRevisions;
    this.#createdWatches = [];
    this.#createdRevisions = [];
    this.#options.post({ kind: 'watch-created', watches, startRevisions }, []);
  }

  #postBatch(): void {
    this.#events += this.writer.eventCount;
    const bytes = this.writer.seal();
    this.#batches += 1;
    this.#bytes += bytes.length;
    this.#uncredited += bytes.length;
    this.#options.post({ kind: 'batch', bytes }, [bytes.buffer as ArrayBuffer]); // the writer's heaps are plain ArrayBuffers
  }
}
