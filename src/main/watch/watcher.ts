/** One watch with a consumer of its own: the handle that `etcd.watch()` gives. Main thread. */
import type { RangeInput } from '../../wire/key-range.js';
import { defineInspect, inspectFields } from '../../wire/text-form.js';
import { linkAbort, refuseAborted } from '../abort-link.js';
import type { LagReport } from './lag-report.js';
import { Outlet } from './outlet.js';
import { printedWatch } from './printed-watch.js';
import type { ProgressOptions } from './progress-requests.js';
import { WatchBatch } from './watch-batch.js';
import type { WatchEnd } from './watch-end.js';
import type { WatchEntry } from './watch-entry.js';
import { checkWatchOptions, watchRequest, type WatchOptions } from './watch-options.js';
import type { WatchRouter } from './watch-router.js';

const DEFAULT_BUDGET_BYTES = 4 * 1024 * 1024;

/**
 * A watch of one range. Iterate it (or give `onBatch`) to read; a revision's events always come together, in order, each
 * exactly once, through reconnects, failovers and replaced worker threads.
 *
 * It ends by `cancel()`, by leaving the loop, by its signal, by closing the engine, and by itself when it cannot go on:
 * its history was compacted, the store was reset, the server refuses it. The loop then throws that error after everything
 * delivered was read; a cancelled one just ends, and drops what was not read.
 */
export class Watcher implements AsyncIterable<WatchBatch> {
  readonly #router: WatchRouter;
  readonly #outlet: Outlet<WatchBatch>;
  readonly #entry: WatchEntry;
  readonly #release: () => void;

  static {
    defineInspect<Watcher>(Watcher.prototype, function (options) {
      return inspectFields('Watcher', printedWatch(this.#entry), options);
    });
  }

  /** @internal */
  constructor(router: WatchRouter, range: RangeInput, options: WatchOptions, onLag: (report: LagReport) => void) {
    checkWatchOptions(options);
    const request = watchRequest(range, options, 'watch');
    refuseAborted(options.signal);
    this.#router = router;
    this.#outlet = new Outlet({
      router,
      onBatch: options.onBatch,
      render: (slice) => new WatchBatch(slice),
      onLag: options.onLag ?? 'pause',
      budgetBytes: options.budgetBytes ?? DEFAULT_BUDGET_BYTES,
      onEnd: (_entry, end) => this.#ended(end),
      onClosed: () => undefined, // told by `ended`
      onReturn: () => void this.cancel(),
      onLagChanged: (watches) => onLag({ watches, group: undefined }),
    });
    try {
      this.#entry = this.#outlet.add(request, 1n);
    } catch (error) {
      void this.#outlet.close();
      throw error;
    }
    this.#release = linkAbort(options.signal, () => void this.cancel());
  }

  /**
   * Resolves when the server has created the watch, with the first revision that it covers; writes made after that are seen.
   * Without a `startRevision` of its own that is above every revision this engine had seen when the watch was asked for.
   * A watch from history that was compacted is created first as well: this resolves, and the watch ends as `compacted` after it.
   * Rejects when it ended before. May be left alone: it never causes an unhandledRejection.
   */
  get ready(): Promise<{ readonly startRevision: bigint }> {
    return this.#entry.ready.promise;
  }

  /**
   * Resolves with the one end of this watch; never rejects. An end that is not a cancel comes after everything before it
   * has been read.
   */
  get ended(): Promise<WatchEnd> {
    return this.#entry.ended.promise;
  }

  /** Ends it. Resolves when the server has been told. Calling it again does nothing more. */
  cancel(): Promise<void> {
    return this.#outlet.close();
  }

  /**
   * Asks the server how far this watch has come: every event up to that revision has arrived here, and is read or waits to
   * be read. etcd may ignore the question while it is busy; it is repeated until `timeoutMs` has passed.
   *
   * @throws EtcdError `timeout`, `aborted`, `closed`, `unimplemented` for servers before 3.4.25 and 3.5.8 (whose answers may
   *   overtake events) and behind a grpc-proxy (which gives none), or the error that ended the watch.
   */
  progress(options: ProgressOptions = {}): Promise<bigint> {
    return this.#router.progress(this.#entry, options);
  }

  /**
   * Reads the batches. One loop at a time.
   *
   * @throws EtcdError `invalid-argument` for a second loop, and with `onBatch`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<WatchBatch> {
    return this.#outlet.iterate();
  }

  /** {@link cancel}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  #ended(end: WatchEnd): void {
    this.#release();
    void this.#outlet.close(end.reason === 'cancelled' ? undefined : end.error);
  }
}
