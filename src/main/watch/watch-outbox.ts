/**
 * The watch commands for one shard, gathered during a turn of the event loop and sent as few messages. Main thread. While
 * its shard is being replaced nothing is sent: the new one is told everything.
 */
import type { KnownRevision, WatchCommand, WatchNumber, WatchSpec } from '../../wire/contract.js';
import type { WatchEntry } from './watch-entry.js';

/** So many are sent without waiting for the end of the turn: the shard creates them while the next ones are added. */
const CHUNK = 512;

export class WatchOutbox {
  readonly #send: (command: WatchCommand) => void;
  readonly #known: () => KnownRevision | undefined;
  #added: WatchEntry[] = [];
  #removed: WatchNumber[] = [];
  /** Entries that may have to be detached or attached; what counts is how they stand when the turn is over. */
  readonly #moved = new Set<WatchEntry>();
  #isScheduled = false;

  /** @param known how far the store is known to be: what watches from now on begin after. */
  constructor(send: (command: WatchCommand) => void, known: () => KnownRevision | undefined) {
    this.#send = send;
    this.#known = known;
  }

  add(entry: WatchEntry): void {
    this.#added.push(entry);
    if (this.#added.length >= CHUNK) this.#flush();
    else this.#schedule();
  }

  /** Only for a watch that was sent. */
  remove(entry: WatchEntry): void {
    this.#removed.push(entry.watch);
    this.#moved.delete(entry);
    this.#schedule();
  }

  /** The entry's wish to be detached has changed. */
  move(entry: WatchEntry): void {
    this.#moved.add(entry);
    this.#schedule();
  }

  /** Forgets what was gathered: the shard is gone. */
  clear(): void {
    this.#added = [];
    this.#removed = [];
    this.#moved.clear();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const added = this.#added.filter((entry) => !entry.dropped && !entry.sent);
    const removed = this.#removed;
    const detach: WatchNumber[] = [];
    const attach: WatchNumber[] = [];
    for (const entry of added) entry.sent = true;
    for (const entry of this.#moved) {
      const wished = entry.lagging || entry.paused;
      if (entry.dropped || wished === entry.detached) continue;
      entry.detached = wished;
      (wished ? detach : attach).push(entry.watch);
    }
    this.clear();
    if (added.length > 0) this.#send(watchCommand(added, this.#known()));
    if (detach.length > 0) this.#send({ kind: 'detach', watches: detach });
    if (attach.length > 0) this.#send({ kind: 'attach', watches: attach });
    if (removed.length > 0) this.#send({ kind: 'unwatch', watches: removed });
  }
}

/** The command for these watches, to a shard that is told how far the store is known to be. */
export function watchCommand(entries: readonly WatchEntry[], known: KnownRevision | undefined): WatchCommand {
  return { kind: 'watch', watches: entries.map((entry) => watchSpec(entry)), known };
}

/** A watch as its shard is to be asked for it now: from its next revision where it was created before. */
function watchSpec(entry: WatchEntry): WatchSpec {
  const { request, created } = entry;
  // Field by field: spreading the request takes twenty times as long, which thousands of watches notice.
  return {
    watch: entry.watch,
    key: request.key,
    rangeEnd: request.rangeEnd,
    startRevision: created ? entry.next : request.startRevision,
    resumed: created,
    prevKv: request.prevKv,
    noPut: request.noPut,
    noDelete: request.noDelete,
    progressNotify: request.progressNotify,
    fragment: request.fragment,
  };
}
