/**
 * All watches of an engine: draws their numbers, places them on shards, sorts what comes from shards to their owners, and
 * knows how far each has come, so that a new shard can go on where a crashed one stopped. Main thread. The part that runs
 * for every batch is {@link WatchRouter.batch}: no objects for each segment where one owner has the whole batch.
 */
import type { KnownRevision, ShardCommand, WatchCommand, WatchReport } from '../../wire/contract.js';
import { EtcdError, errorFromPlain } from '../../wire/errors.js';
import { SEGMENT_PROGRESS, type EventBatchData } from '../../wire/event-batch.js';
import { leastLoadedShard } from '../placement.js';
import { BatchSlice } from './batch-slice.js';
import { BatchSorter } from './batch-sorter.js';
import { plainValue } from '../plain-value.js';
import { ProgressRequests, type ProgressOptions } from './progress-requests.js';
import { WatchEntry, type SegmentSink } from './watch-entry.js';
import type { WatchRequest } from './watch-request.js';
import { WatchOutbox, watchCommand } from './watch-outbox.js';
import { WatchTable } from './watch-table.js';

/** Something that owns watches and is to be told when the engine closes. */
export interface WatchOwner extends SegmentSink {
  readonly queuedBytes: number;
  readonly laggingCount: number;
  /** The engine closes: end everything as cancelled. */
  close(): Promise<void>;
}

/** Where the router's commands go. */
export interface WatchLink {
  /** Nothing is sent while the shard is being replaced. */
  send(command: WatchCommand): void;
}

interface ShardSide {
  readonly shard: number;
  readonly outbox: WatchOutbox;
  /** Set once it has failed for good. */
  failure: EtcdError | undefined;
  isAlive: boolean;
  watchers: number;
  /** Cancels that the shard has not confirmed yet. */
  readonly cancelling: Map<number, () => void>;
}

export class WatchRouter {
  readonly #sides: readonly ShardSide[];
  readonly #links: readonly WatchLink[];
  readonly #table = new WatchTable();
  readonly #owners = new Set<WatchOwner>();
  readonly #progress: ProgressRequests;
  readonly #sorter = new BatchSorter();
  readonly engine: string | undefined;
  readonly #known: () => KnownRevision | undefined;
  #isClosed = false;

  /**
   * `engine`: the name given to `connect`, for those who listen to several engines. `known`: how far the store is known to be, for
   * watches from now on. Default: not at all.
   */
  constructor(links: readonly WatchLink[], engine?: string, known: () => KnownRevision | undefined = () => undefined) {
    this.#links = links;
    this.engine = engine;
    this.#known = known;
    this.#sides = links.map((link, shard) => ({
      shard,
      outbox: new WatchOutbox((command) => link.send(command), known),
      failure: undefined,
      isAlive: true,
      watchers: 0,
      cancelling: new Map(),
    }));
    this.#progress = new ProgressRequests((entry, command) => this.#links[entry.shard]?.send(command));
  }

  /** Watches that live. */
  get size(): number {
    return this.#table.size;
  }

  get owners(): ReadonlySet<WatchOwner> {
    return this.#owners;
  }

  /** Watches placed on a shard. */
  watchersOf(shard: number): number {
    return this.#sides[shard]?.watchers ?? 0;
  }

  /** @throws EtcdError `closed`. */
  register(owner: WatchOwner): void {
    if (this.#isClosed) throw closedError();
    this.#owners.add(owner);
  }

  unregister(owner: WatchOwner): void {
    this.#owners.delete(owner);
  }

  /**
   * Starts a watch on the least loaded shard.
   *
   * @throws EtcdError `closed`; `shard-failed` when no shard is left.
   */
  open(request: WatchRequest, watchId: bigint, owner: SegmentSink): WatchEntry {
    if (this.#isClosed) throw closedError();
    const shard = leastLoadedShard(this.#sides);
    const side = shard === undefined ? undefined : this.#sides[shard];
    if (side === undefined) throw this.#noShard();
    const entry = new WatchEntry(this.#table.draw(), side.shard, watchId, request, owner);
    this.#table.add(entry);
    side.watchers += 1;
    side.outbox.add(entry);
    return entry;
  }

  /** Stops a watch; nothing of it is delivered any more. Resolves when its shard has confirmed. Its outcome is its owner's. */
  cancel(entry: WatchEntry): Promise<void> {
    entry.dropped = true;
    const side = this.#sides[entry.shard];
    if (side === undefined || !this.#remove(entry)) return Promise.resolve();
    if (!entry.sent || side.failure !== undefined || this.#isClosed) return Promise.resolve();
    side.outbox.remove(entry);
    return new Promise((resolve) => void side.cancelling.set(entry.watch, resolve));
  }

  /** Like {@link cancel}, for a watch whose queued events are still to be read. */
  drop(entry: WatchEntry): void {
    if (this.#remove(entry) && entry.sent) this.#sides[entry.shard]?.outbox.remove(entry);
  }

  /** Its owner changed `lagging` or `paused`. */
  moved(entry: WatchEntry): void {
    if (this.#table.get(entry.watch) === entry) this.#sides[entry.shard]?.outbox.move(entry);
  }

  /** Asks the server how far a watch has come. */
  progress(entry: WatchEntry, options: ProgressOptions): Promise<bigint> {
    if (this.#isClosed) return Promise.reject(closedError());
    return this.#progress.ask(entry, options);
  }

  /** Sorts a batch to the owners of its segments. */
  batch(data: EventBatchData): void {
    const { segmentCount, segmentWatch, segmentEvents, segmentRevision, segmentFlags, modRevision } = data;
    const starts = new Uint32Array(segmentCount);
    const entries = new Array<WatchEntry | undefined>(segmentCount);
    let only: SegmentSink | undefined;
    let isShared = false;
    let start = 0;
    for (let segment = 0; segment < segmentCount; segment += 1) {
      starts[segment] = start;
      const count = segmentEvents[segment] ?? 0;
      start += count;
      let entry = this.#table.get(segmentWatch[segment] ?? 0);
      if (entry !== undefined) {
        const last = count > 0 ? modRevision[start - 1] : segmentRevision[segment];
        entry.next = Math.max(entry.next, (last ?? 0) + 1);
        if (count === 0 && (!entry.request.progressNotify || ((segmentFlags[segment] ?? 0) & SEGMENT_PROGRESS) === 0))
          entry = undefined;
        else if (only === undefined) only = entry.sink;
        else if (only !== entry.sink) isShared = true;
      }
      entries[segment] = entry;
    }
    if (only === undefined) return;
    if (isShared) this.#sorter.deliver(data, starts, entries);
    else only.deliver(new BatchSlice(data, starts, entries, undefined));
  }

  /** The first revision of a watch which has come and has not been delivered to its owner yet; undefined for none. */
  firstUndelivered(entry: WatchEntry, owner: SegmentSink): number | undefined {
    return this.#sorter.firstWaiting(entry, owner);
  }

  /** Everything else that a shard tells of watches. */
  report(shard: number, report: Exclude<WatchReport, { readonly kind: 'batch' }>): void {
    switch (report.kind) {
      case 'watch-created':
        for (const [index, watch] of report.watches.entries()) this.#created(watch, report.startRevisions[index] ?? 0);
        break;
      case 'watch-ended':
        this.#ended(shard, report.watch, report.error && errorFromPlain(report.error));
        break;
      case 'bookmarks':
        for (const watch of report.watches) {
          const entry = this.#table.get(watch);
          if (entry !== undefined && entry.next < report.nextRevision) entry.next = report.nextRevision;
        }
        break;
      case 'progress':
        this.#progress.answered(report.requestId, report.revision, report.error && errorFromPlain(report.error));
        break;
      default:
        report satisfies never;
    }
  }

  /** The commands that put a new shard where the old one was: every watch from its next revision. */
  resume(shard: number): ShardCommand[] {
    const side = this.#sides[shard];
    if (side === undefined) return [];
    side.outbox.clear();
    confirmAll(side);
    const entries = Array.from(this.#table).filter((entry) => entry.shard === shard);
    const detached: number[] = [];
    for (const entry of entries) {
      entry.sent = true;
      entry.detached = entry.lagging || entry.paused;
      if (entry.detached) detached.push(entry.watch);
    }
    const commands: ShardCommand[] = [];
    if (entries.length > 0) commands.push(watchCommand(entries, this.#known()));
    if (detached.length > 0) commands.push({ kind: 'detach', watches: detached });
    commands.push(...this.#progress.commandsOf(shard));
    return commands;
  }

  /** The shard has failed for good: each of its watches ends with its error. */
  failed(shard: number, error: EtcdError): void {
    const side = this.#sides[shard];
    if (side === undefined) return;
    side.failure = error;
    side.isAlive = false;
    side.outbox.clear();
    confirmAll(side);
    for (const entry of Array.from(this.#table)) if (entry.shard === shard) this.#end(entry, error);
  }

  /** Ends every owner as cancelled. Nothing can be opened afterwards. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#progress.close(closedError());
    for (const owner of Array.from(this.#owners)) void owner.close();
    for (const side of this.#sides) {
      side.outbox.clear();
      confirmAll(side);
    }
  }

  #created(watch: number, startRevision: number): void {
    const entry = this.#table.get(watch);
    if (entry === undefined || entry.created) return;
    entry.created = true;
    // With a start of its own the server's answer counts for nothing: it may be ahead of what is still to come.
    if (entry.request.startRevision === 0) {
      entry.first = startRevision;
      entry.next = Math.max(entry.next, startRevision);
    }
    entry.ready.resolve(plainValue({ startRevision: BigInt(startRevision) }));
  }

  #ended(shard: number, watch: number, error: EtcdError | undefined): void {
    const cancelling = this.#sides[shard]?.cancelling;
    const confirm = cancelling?.get(watch);
    if (confirm !== undefined) {
      cancelling?.delete(watch);
      confirm();
      return;
    }
    const entry = this.#table.get(watch);
    // Not asked for and without an error: a defect, told as one rather than as a cancel nobody wanted.
    if (entry !== undefined)
      this.#end(entry, error ?? new EtcdError('the watch ended without a reason', { code: 'internal' }));
  }

  #end(entry: WatchEntry, error: EtcdError): void {
    this.#remove(entry);
    this.#progress.ended(entry, error);
    entry.sink.watchEnded(entry, error);
  }

  #remove(entry: WatchEntry): boolean {
    if (!this.#table.delete(entry.watch)) return false;
    const side = this.#sides[entry.shard];
    if (side !== undefined) side.watchers -= 1;
    return true;
  }

  #noShard(): EtcdError {
    const cause = this.#sides.find((side) => side.failure !== undefined)?.failure;
    return new EtcdError('no shard is left to watch on: each has failed; close this engine and connect anew', {
      code: 'shard-failed',
      outcome: 'not-sent',
      cause,
    });
  }
}

function confirmAll(side: ShardSide): void {
  const confirms = Array.from(side.cancelling.values());
  side.cancelling.clear();
  for (const confirm of confirms) confirm();
}

function closedError(): EtcdError {
  return new EtcdError('the engine is closed', { code: 'closed', outcome: 'not-sent' });
}
