/**
 * From an answer of the server to rows of the batch: drops what the watch has had already, holds back the revision that a
 * fragment leaves open, moves the watch's next revision, and reports progress of idle watches. The one place where a
 * watch's `next` moves while it is on a stream.
 */
import type { GuardedTimers } from '../../wire/guarded-timers.js';
import { SEGMENT_PROGRESS } from '../../wire/event-batch.js';
import { EtcdError } from '../../wire/errors.js';
import { malformed } from '../../wire/proto-reader.js';
import type { ShardLimits } from '../../wire/contract.js';
import type { Batcher } from '../batch/batcher.js';
import { RevisionAssembly } from './revision-assembly.js';
import { decodeEvents, findLastRevision } from './watch-decoder.js';
import type { WatchHead } from './watch-decoder.js';
import type { WatchEntry } from './watch-entry.js';

export interface WatchDeliveryOptions {
  readonly timers: GuardedTimers;
  readonly batcher: Batcher;
  readonly limits: ShardLimits;
}

export class WatchDelivery {
  readonly #options: WatchDeliveryOptions;
  #bookmarked: number[] = [];
  #bookmarkNext = 0;

  constructor(options: WatchDeliveryOptions) {
    this.#options = options;
  }

  /**
   * Takes the events of one answer. Returns the error that ends this watch, if it must end. Throws on malformed bytes, with
   * the batch as it was before.
   */
  events(entry: WatchEntry, head: WatchHead, buffer: Uint8Array, end: number): EtcdError | undefined {
    const { batcher, limits } = this.#options;
    const { writer } = batcher;
    const mark = writer.mark();
    let last: number;
    try {
      last =
        head.fragment || entry.assembly !== undefined
          ? this.#completeRevisions(entry, head, buffer, end)
          : decodeEvents(writer, buffer, head.eventsStart, end, entry.next);
    } catch (error) {
      writer.rollback(mark);
      throw error;
    }
    if (last > 0) {
      writer.endSegment(entry.spec.watch, head.revision, 0);
      entry.next = last + 1;
      batcher.appended();
    }
    if (entry.assembly !== undefined && entry.assembly.bytes > limits.maxRevisionBytes) {
      return tooLarge(entry.assembly.revision, limits.maxRevisionBytes);
    }
    return undefined;
  }

  /** Takes progress: everything up to `revision` has been sent to this watch. Does nothing where it cannot be true. */
  progress(entry: WatchEntry, revision: number): void {
    // While a revision is being assembled the server cannot have sent all of it; below `next` it tells nothing new.
    if (entry.assembly !== undefined || revision <= 0 || revision + 1 < entry.next) return;
    const moved = revision + 1 > entry.next;
    entry.next = revision + 1;
    if (entry.spec.progressNotify) {
      this.#options.batcher.writer.endSegment(entry.spec.watch, revision, SEGMENT_PROGRESS);
      this.#options.batcher.appended();
    } else if (moved) {
      this.#bookmark(entry.spec.watch, entry.next);
    }
  }

  /** Main keeps the next revision too, for the case that this thread dies; one report for all that moved in one turn. */
  #bookmark(watch: number, next: number): void {
    if (next !== this.#bookmarkNext) this.#sendBookmarks();
    this.#bookmarkNext = next;
    if (this.#bookmarked.length === 0) {
      this.#options.timers.setImmediate(() => {
        this.#sendBookmarks();
      });
    }
    this.#bookmarked.push(watch);
  }

  #sendBookmarks(): void {
    if (this.#bookmarked.length === 0) return;
    const watches = Uint32Array.from(this.#bookmarked);
    this.#bookmarked = [];
    // In order behind the batches: a bookmark says that everything below it was delivered.
    this.#options.batcher.postInOrder({ kind: 'bookmarks', watches, nextRevision: this.#bookmarkNext });
  }

  /** Appends every revision that is complete now and keeps back the one that the fragment may continue. */
  #completeRevisions(entry: WatchEntry, head: WatchHead, buffer: Uint8Array, end: number): number {
    const start = head.eventsStart;
    if (!head.fragment) {
      const held = this.#appendHeld(entry);
      return this.#appendBehind(held, entry, buffer, start, end);
    }
    const open = findLastRevision(buffer, start, end);
    if (entry.assembly !== undefined && open.whole && entry.assembly.revision === open.revision) {
      entry.assembly.add(buffer, start, end);
      return 0;
    }
    const held = this.#appendHeld(entry);
    const last = open.whole ? held : this.#appendBehind(held, entry, buffer, start, open.start);
    entry.assembly = new RevisionAssembly(open.revision);
    entry.assembly.add(buffer, open.start, end);
    return last;
  }

  /** Appends what follows the revision held back, which it must not be older than. Returns the last revision appended. */
  #appendBehind(held: number, entry: WatchEntry, buffer: Uint8Array, start: number, end: number): number {
    const { writer } = this.#options.batcher;
    const row = writer.eventCount;
    const last = decodeEvents(writer, buffer, start, end, entry.next);
    if (last > 0 && (writer.columns.modRevision[row] ?? 0) < held) {
      throw malformed('a fragment goes back to an older revision');
    }
    return last || held;
  }

  #appendHeld(entry: WatchEntry): number {
    let last = 0;
    for (const piece of entry.assembly?.pieces ?? []) {
      last = decodeEvents(this.#options.batcher.writer, piece, 0, piece.length, entry.next) || last;
    }
    entry.assembly = undefined;
    return last;
  }
}

function tooLarge(revision: number, maxRevisionBytes: number): EtcdError {
  return new EtcdError(
    `revision ${String(revision)} of this watch is larger than maxRevisionBytes (${String(maxRevisionBytes)}): ` +
      'raise that option, watch a smaller range, or write less in one transaction',
    { code: 'revision-too-large' },
  );
}
