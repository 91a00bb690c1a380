/**
 * Slices that wait to be read, in order, with what they cost. Main thread; pure. Every operation costs what it adds or takes,
 * however much waits: thousands of watches may be cancelled over a long queue. Progress of a watch takes one place, since the
 * newest says all that the older ones did: a consumer that does not read would gather it without end.
 */
import { Fifo } from './fifo.js';
import { progressSlice } from './progress-slice.js';
import type { WatchEntry, WatchSlice } from './watch-entry.js';

interface ProgressItem {
  readonly kind: 'progress';
  /** How far each watch has come; one that has newer progress behind is not in it. */
  readonly marks: Map<WatchEntry, number>;
}

type Item =
  | { readonly kind: 'slice'; readonly slice: WatchSlice; readonly bytes: number }
  | ProgressItem
  /** Something that the reader is told in order with the slices, such as the end of a watch. */
  | { readonly kind: 'notice'; readonly run: () => void };

/** What comes out. */
export type QueuedItem =
  { readonly kind: 'slice'; readonly slice: WatchSlice } | { readonly kind: 'notice'; readonly run: () => void };

export class SliceQueue {
  readonly #items = new Fifo<Item>();
  /** For each watch the first revision of every run of its events that waits. Made when it is asked for, kept until nothing waits. */
  #firstRevisions: Map<WatchEntry, Fifo<number>> | undefined;
  /** Where the progress of a watch waits. */
  readonly #progress = new Map<WatchEntry, ProgressItem>();
  #bytes = 0;

  /** What the events cost that wait. Progress counts nothing: there is no more of it than there are watches. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether more waits than progress and notices. */
  get hasEvents(): boolean {
    return this.#bytes > 0;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Takes a slice, all of it wanted. Its progress comes out behind its events. */
  add(slice: WatchSlice): void {
    if (hasProgress(slice)) this.#addParts(slice);
    else this.#addEvents(slice);
  }

  notice(run: () => void): void {
    this.#items.push({ kind: 'notice', run });
  }

  /** The next slice or notice; undefined when nothing waits. */
  shift(): QueuedItem | undefined {
    for (;;) {
      const item = this.#items.shift();
      switch (item?.kind) {
        case 'slice':
          this.#bytes -= item.bytes;
          this.#forgetFirstRevisions(item.slice);
          return item;
        case 'progress':
          for (const entry of item.marks.keys()) this.#progress.delete(entry);
          if (item.marks.size > 0) return { kind: 'slice', slice: progressSlice(item.marks) };
          break;
        case 'notice':
        case undefined:
          return item;
      }
    }
  }

  /** The first revision of a watch's events that wait; undefined when none does. */
  firstRevisionOf(entry: WatchEntry): number | undefined {
    if (this.isEmpty) return undefined;
    if (this.#firstRevisions === undefined) {
      const revisions = new Map<WatchEntry, Fifo<number>>();
      this.#items.forEach((item) => {
        if (item.kind === 'slice') addFirstRevisions(revisions, item.slice);
      });
      this.#firstRevisions = revisions;
    }
    return this.#firstRevisions.get(entry)?.first;
  }

  clear(): void {
    this.#items.clear();
    this.#firstRevisions = undefined;
    this.#progress.clear();
    this.#bytes = 0;
  }

  #addEvents(slice: WatchSlice): void {
    const kept = slice.toKeep();
    this.#items.push({ kind: 'slice', ...kept });
    this.#bytes += kept.bytes;
    if (this.#firstRevisions !== undefined) addFirstRevisions(this.#firstRevisions, kept.slice);
  }

  #addParts(slice: WatchSlice): void {
    const { segmentEvents, segmentRevision } = slice.data;
    const withEvents: number[] = [];
    const marks = new Map<WatchEntry, number>();
    for (let index = 0; index < slice.segmentCount; index += 1) {
      const segment = slice.segmentAt(index);
      const entry = slice.entryOf(segment);
      if (entry === undefined) continue;
      if ((segmentEvents[segment] ?? 0) > 0) {
        withEvents.push(segment);
        marks.delete(entry); // later events say more than earlier progress
      } else marks.set(entry, segmentRevision[segment] ?? 0);
    }
    if (withEvents.length > 0) this.#addEvents(slice.only(withEvents));
    if (marks.size > 0) this.#addProgress(marks);
  }

  #forgetFirstRevisions(slice: WatchSlice): void {
    if (this.#firstRevisions === undefined) return;
    if (this.isEmpty) {
      this.#firstRevisions = undefined;
      return;
    }
    for (let index = 0; index < slice.segmentCount; index += 1) {
      // Whoever cancelled it since: it was counted when it came.
      const entry = slice.entries[slice.segmentAt(index)];
      const revisions = entry && this.#firstRevisions.get(entry);
      if (entry === undefined || revisions === undefined) continue;
      revisions.shift();
      if (revisions.length === 0) this.#firstRevisions.delete(entry);
    }
  }

  #addProgress(marks: Map<WatchEntry, number>): void {
    for (const entry of marks.keys()) this.#progress.get(entry)?.marks.delete(entry);
    const { last } = this.#items;
    const item: ProgressItem = last?.kind === 'progress' ? last : { kind: 'progress', marks };
    if (item !== last) this.#items.push(item);
    for (const [entry, revision] of marks) {
      item.marks.set(entry, revision);
      this.#progress.set(entry, item);
    }
  }
}

function hasProgress(slice: WatchSlice): boolean {
  const { segmentEvents } = slice.data;
  for (let index = 0; index < slice.segmentCount; index += 1) {
    if (segmentEvents[slice.segmentAt(index)] === 0) return true;
  }
  return false;
}

/** Of every segment, whose watch may have been cancelled since it came. */
function addFirstRevisions(revisions: Map<WatchEntry, Fifo<number>>, slice: WatchSlice): void {
  for (let index = 0; index < slice.segmentCount; index += 1) {
    const segment = slice.segmentAt(index);
    const entry = slice.entries[segment];
    if (entry === undefined) continue;
    let ofEntry = revisions.get(entry);
    if (ofEntry === undefined) {
      ofEntry = new Fifo();
      revisions.set(entry, ofEntry);
    }
    ofEntry.push(slice.data.modRevision[slice.starts[segment] ?? 0] ?? 0);
  }
}
