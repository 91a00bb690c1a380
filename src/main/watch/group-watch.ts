/** The handle of one watch in a group. Main thread. */
import { defineInspect, inspectFields } from '../../wire/text-form.js';
import type { Outlet } from './outlet.js';
import type { GroupBatch } from './group-batch.js';
import type { ProgressOptions } from './progress-requests.js';
import { printedWatch } from './printed-watch.js';
import type { WatchEnd } from './watch-end.js';
import type { WatchEntry } from './watch-entry.js';
import type { WatchRouter } from './watch-router.js';

/** One watch of a {@link WatchGroup}. Its events come through the group; its end concerns no other member. */
export class GroupWatch {
  readonly #router: WatchRouter;
  readonly #outlet: Outlet<GroupBatch>;
  readonly #entry: WatchEntry;

  static {
    defineInspect<GroupWatch>(GroupWatch.prototype, function (options) {
      return inspectFields('GroupWatch', printedWatch(this.#entry), options);
    });
  }

  /** @internal */
  constructor(router: WatchRouter, outlet: Outlet<GroupBatch>, entry: WatchEntry) {
    this.#router = router;
    this.#outlet = outlet;
    this.#entry = entry;
  }

  /** Its label, unique in the group while it lives. */
  get watchId(): bigint {
    return this.#entry.watchId;
  }

  /**
   * Resolves when the server has created the watch, with the first revision that it covers; rejects when it ended before.
   * May be left alone: it never causes an unhandledRejection.
   */
  get ready(): Promise<{ readonly startRevision: bigint }> {
    return this.#entry.ready.promise;
  }

  /**
   * Resolves with its one end; never rejects. An end that is not a cancel comes after everything before it has been read.
   */
  get ended(): Promise<WatchEnd> {
    return this.#entry.ended.promise;
  }

  /** @internal Whether {@link ready} has been settled. */
  get isSettled(): boolean {
    return this.#entry.ready.settled;
  }

  /** Whether {@link pause} is in force. */
  get paused(): boolean {
    return this.#entry.paused;
  }

  /** Ends it; what of it was not read is dropped. Resolves when the server has been told. Calling it again does nothing more. */
  cancel(): Promise<void> {
    return this.#outlet.cancel(this.#entry);
  }

  /** Delivers nothing of this watch until {@link resume}: it is cancelled on the server, so that nothing piles up. */
  pause(): void {
    this.#outlet.pause(this.#entry);
  }

  /**
   * Goes on where {@link pause} stopped: what happened meanwhile is replayed from etcd's history. If that was compacted the
   * watch ends so.
   */
  resume(): void {
    this.#outlet.resume(this.#entry);
  }

  /**
   * Asks the server how far this watch has come: every event up to that revision has arrived here, and is read or waits to
   * be read.
   *
   * @throws EtcdError `timeout`, `aborted`, `closed`, `unimplemented` for servers before 3.4.25 and 3.5.8 (whose answers may
   *   overtake events) and behind a grpc-proxy (which gives none), or the error that ended the watch.
   */
  progress(options: ProgressOptions = {}): Promise<bigint> {
    return this.#router.progress(this.#entry, options);
  }
}
