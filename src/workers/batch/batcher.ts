/**
 * When a shard's batch leaves: at once while events are few (latency), by size or some ms after its first event when they are
 * many (throughput), and not at all while main has not taken the last ones off the port (credit). Owns the writer and the
 * flush timer; reports go out through `post`, so that a batch and what is said about its watches keep their order.
 *
 * A busy shard rests until its batch is due: what arrives meanwhile waits in the kernel and is read together. Being woken for
 * every message costs several times what decoding it does. While every rest brings many events it rests again right after
 * sending, so that each interval has one wake and one read. Many are more than one a ms.
 */
import type { GuardedTimers } from '../../wire/guarded-timers.js';
import type { ShardLimits, ShardReport } from '../../wire/contract.js';
import type { Rest } from '../rest.js';
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
  /** Nothing is to be read for a while; calls back later, never at once. */
  readonly rest: Rest;
  /** Watches that are on a stream wait for the server to confirm them. */
  readonly creating: () => boolean;
  /** A callback whose exceptions end the shard, not the process. */
  readonly timers: GuardedTimers;
}

/** Events that may come at once without being called busy; they drain at one a ms, so 1,000 a second never are. */
const BURST_EVENTS = 8;
/** So many are remembered at most: writers that wait for each other come in waves, with some 10 ms between them. */
const MAX_RECENT_EVENTS = 64;

export class Batcher {
  readonly writer: BatchWriter = new BatchWriter();
  readonly #options: BatcherOptions;
  readonly #onTurn: () => void;
  readonly #onInterval: () => void;
  readonly #onRested: () => void;
  #lastFlush = -Infinity;
  /** Since when what is there was gathered; undefined when nothing is. */
  #since: number | undefined;
  /** A leaky bucket of events: filled by each flush, drained by time. */
  #recentEvents = 0;
  #nextTurn: NodeJS.Immediate | undefined;
  #interval: NodeJS.Timeout | undefined;
  /** Gives up the rest that is under way. */
  #endRest: (() => void) | undefined;
  /** It has rested since the last flush: what is there came in one interval. */
  #hasRested = false;
  /** A batch has left by size, and no turn has come since: there is more to read than is worth waiting for. */
  #isFull = false;
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
    this.#onTurn = () => this.#turn();
    this.#onInterval = () => this.#intervalOver();
    this.#onRested = () => this.#rested();
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
    if (writer.bytes >= limits.flushBytes || writer.eventCount >= limits.flushEvents) {
      this.#isFull = true;
      this.#flushWithinCredit();
    }
    // An immediate runs after all sockets that are readable in this turn were read: what arrived together leaves together.
    else this.#scheduleTurn();
  }

  /** How long what is there may wait; nothing while there is little to tell. */
  #waitMs(): number {
    if (this.#hasRested || this.#isFull) return 0;
    const now = this.#options.now();
    this.#since ??= now;
    // Creations alone are told together as long as there are more to come.
    const isQuiet = this.writer.empty
      ? !this.#options.creating()
      : this.#recentEvents - (now - this.#lastFlush) < BURST_EVENTS;
    return isQuiet ? 0 : this.#since + this.#options.limits.flushIntervalMs - now;
  }

  /** Tells main that a watch was created; leaves with the next flush, before any batch. */
  created(watch: number, startRevision: number): void {
    this.#createdWatches.push(watch);
    this.#createdRevisions.push(startRevision);
    if (!this.#stalled && !this.#closed) this.#scheduleTurn();
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

  /** Sends what is left and stops its timers. */
  close(): void {
    this.#closed = true;
    this.#endRest?.();
    this.#endRest = undefined;
    this.#flush();
  }

  #scheduleTurn(): void {
    if (this.#endRest === undefined) this.#nextTurn ??= this.#options.timers.setImmediate(this.#onTurn);
  }

  #turn(): void {
    this.#nextTurn = undefined;
    const { eventCount, empty } = this.writer;
    const isFull = this.#isFull;
    const hasCreations = this.#createdWatches.length > 0;
    if (empty && !hasCreations) {
      this.#forgetWait(); // a rest has brought nothing, or it has left by size
      this.#isFull = false;
      return;
    }
    const waitMs = this.#waitMs();
    if (waitMs <= 0) {
      const isBusy = this.#hasRested && eventCount >= Math.max(BURST_EVENTS, this.#options.limits.flushIntervalMs);
      this.#flushWithinCredit();
      this.#isFull = false;
      if (isBusy && !isFull && this.#mayRest(hasCreations)) this.#rest(this.#options.limits.flushIntervalMs);
    } else if (this.#mayRest(hasCreations)) this.#rest(waitMs);
    else this.#interval ??= this.#options.timers.setTimeout(this.#onInterval, Math.ceil(waitMs));
  }

  /** Creations are told together when they are many, but never by resting, since more creates wait for the answers. */
  #mayRest(hasCreations: boolean): boolean {
    return !hasCreations && !this.#options.creating();
  }

  #intervalOver(): void {
    this.#interval = undefined;
    this.#flushWithinCredit();
  }

  #rest(ms: number): void {
    if (this.#stalled || this.#closed) return;
    this.#unschedule();
    this.#since ??= this.#options.now();
    this.#endRest = this.#options.rest(ms, this.#onRested);
  }

  #rested(): void {
    this.#endRest = undefined;
    if (this.#stalled || this.#closed) return;
    this.#hasRested = true;
    this.#turn();
  }

  #forgetWait(): void {
    this.#hasRested = false;
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
    if (this.#nextTurn !== undefined) this.#options.timers.clearImmediate(this.#nextTurn);
    if (this.#interval !== undefined) this.#options.timers.clear(this.#interval);
    this.#nextTurn = undefined;
    this.#interval = undefined;
  }

  #flush(): void {
    this.#unschedule();
    const hasRested = this.#hasRested;
    this.#forgetWait();
    const created = this.#createdWatches.length;
    const events = this.writer.eventCount;
    if (created === 0 && this.writer.empty) return;
    const now = this.#options.now();
    const elapsed = now - this.#lastFlush;
    // What a rest has gathered came spread over it; anything else came just now. Creations do not count: the first events
    // after many of them are as urgent as any.
    const level = hasRested
      ? this.#recentEvents + events - elapsed
      : Math.max(0, this.#recentEvents - elapsed) + events;
    this.#recentEvents = Math.max(0, Math.min(MAX_RECENT_EVENTS, level));
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
