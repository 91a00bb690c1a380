/**
 * Hands collected changes to the watchers of a group: encoded once a variant, and only the id is each watcher's own. Server
 * thread.
 */
import type { EncodedEvents, ValueBefore } from './event-encoder.js';
import { encodeEvents } from './event-encoder.js';
import type { WatchResponseEncoder } from './response-encoder.js';
import { VARIANTS, type Watcher } from './watcher.js';
import type { SpanGroup } from './watcher-index.js';

/** etcd's bound for one answer from the history. */
export const MAX_REVISIONS_PER_ANSWER = 1000;

/** What a delivery goes by. */
export interface DeliveryRules {
  /** Beyond so many bytes an answer ends with the revision that it is in. */
  readonly answerBytes: number;
  /** The revision in the header; undefined is that of the answer's last event. */
  readonly headerRevision: number | undefined;
}

export class GroupDelivery {
  readonly #encoder: WatchResponseEncoder;
  readonly #group: SpanGroup;
  readonly #before: ValueBefore;
  readonly #encoded: (EncodedEvents | undefined)[] = new Array<EncodedEvents | undefined>(VARIANTS).fill(undefined);

  constructor(encoder: WatchResponseEncoder, group: SpanGroup, before: ValueBefore) {
    this.#encoder = encoder;
    this.#group = group;
    this.#before = before;
  }

  /**
   * Gives a watcher what the group has collected from its revision on, for as long as its stream takes it, and moves its
   * revision along. Gives false when it could not have all.
   */
  deliver(watcher: Watcher, rules: DeliveryRules): boolean {
    const events = this.#eventsFor(watcher.variant);
    const { revisions } = events;
    let at = firstIndexFrom(revisions, watcher.minRevision);
    while (at < revisions.length) {
      if (!watcher.outlet.writable) {
        watcher.minRevision = revisions[at] ?? watcher.minRevision;
        return false;
      }
      const end = answerEnd(events, at, rules.answerBytes);
      const last = revisions[end - 1] ?? watcher.minRevision;
      this.#send(watcher, rules.headerRevision ?? last, events, at, end);
      watcher.minRevision = last + 1;
      at = end;
    }
    return true;
  }

  #send(watcher: Watcher, revision: number, events: EncodedEvents, first: number, end: number): void {
    const { idField, outlet } = watcher;
    if (watcher.fragment) {
      for (const part of this.#encoder.fragments(revision, idField, events, first, end)) outlet.write(part);
    } else {
      outlet.write(this.#encoder.events(revision, idField, events, first, end));
    }
    // As in etcd: whoever has just got events is not told its progress at the next tick.
    if (watcher.progressDue !== undefined) watcher.progressDue = false;
  }

  #eventsFor(variant: number): EncodedEvents {
    return (this.#encoded[variant] ??= encodeEvents(this.#group.changes, variant, this.#before));
  }
}

/** The place of the first revision not below `revision`. Watchers mostly want all. */
function firstIndexFrom(revisions: readonly number[], revision: number): number {
  if ((revisions[0] ?? Infinity) >= revision) return 0;
  let low = 0;
  let high = revisions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((revisions[middle] ?? Infinity) < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the answer that begins at `first` ends: never inside a revision. */
function answerEnd({ ends, revisions }: EncodedEvents, first: number, limitBytes: number): number {
  const startBytes = first === 0 ? 0 : (ends[first - 1] ?? 0);
  let count = 0;
  for (let at = first; at < revisions.length; at += 1) {
    if (at !== first && revisions[at] === revisions[at - 1]) continue;
    // A revision begins here.
    if (count === MAX_REVISIONS_PER_ANSWER) return at;
    if (at !== first && (ends[at - 1] ?? 0) - startBytes >= limitBytes) return at;
    count += 1;
  }
  return revisions.length;
}
