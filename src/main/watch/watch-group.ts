/** Very many watches with one consumer: what `etcd.watchGroup()` gives. Main thread. */
import { type EtcdError } from '../../wire/errors.js';
import { requireInt64 } from '../../wire/int64.js';
import type { RangeInput } from '../../wire/key-range.js';
import { linkAbort, refuseAborted } from '../abort-link.js';
import { invalidOption } from '../../wire/arguments.js';
import { callGuarded } from '../callbacks.js';
import { GroupBatch } from './group-batch.js';
import { GroupWatch } from './group-watch.js';
import type { LagReport } from './lag-report.js';
import { Outlet } from './outlet.js';
import type { WatchEnd } from './watch-end.js';
import type { WatchEntry } from './watch-entry.js';
import {
  checkGroupOptions,
  checkGroupWatchOptions,
  watchRequest,
  type GroupWatchOptions,
  type WatchGroupOptions,
} from './watch-options.js';
import type { WatchRouter } from './watch-router.js';

const DEFAULT_BUDGET_BYTES = 16 * 1024 * 1024;

/**
 * Watches of many ranges, read together: iterate the group or give `onBatch`. Each watch keeps its order; between watches
 * there is none. A member that ends (compacted, refused, cancelled) leaves the others as they are. The group ends by
 * `close()`, by leaving its loop, by its signal, by closing the engine, and when `onBatch` or `onEnd` throws: the engine
 * goes on, `group.ended` tells the error.
 */
export class WatchGroup implements AsyncIterable<GroupBatch> {
  readonly #router: WatchRouter;
  readonly #outlet: Outlet<GroupBatch>;
  readonly #onEnd: WatchGroupOptions['onEnd'];
  readonly #members = new Map<bigint, GroupWatch>();
  /** What to undo when a member ends. */
  readonly #releases = new Map<WatchEntry, () => void>();
  readonly #release: () => void;
  readonly #ended: Promise<EtcdError | undefined>;
  #settle: (error: EtcdError | undefined) => void = () => undefined;
  #lastDrawn = 0n;
  readonly name: string | undefined;

  /** @internal */
  constructor(router: WatchRouter, options: WatchGroupOptions, onLag: (report: LagReport) => void) {
    checkGroupOptions(options);
    this.#router = router;
    this.#onEnd = options.onEnd;
    this.name = options.name;
    this.#ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    refuseAborted(options.signal);
    this.#outlet = new Outlet({
      router,
      onBatch: options.onBatch,
      render: (slice) => new GroupBatch(slice),
      onLag: options.onLag ?? 'pause',
      budgetBytes: options.budgetBytes ?? DEFAULT_BUDGET_BYTES,
      onEnd: (entry, end) => this.#memberEnded(entry, end),
      onClosed: (error) => this.#closed(error),
      onReturn: () => void this.close(),
      onLagChanged: (watches) => onLag({ watches, group: this.name }),
    });
    this.#release = linkAbort(options.signal, () => void this.close());
  }

  /** Members that have not ended. */
  get size(): number {
    return this.#members.size;
  }

  /** Resolves when the group is over: with undefined when it was closed, with the error when a callback threw. Never rejects. */
  get ended(): Promise<EtcdError | undefined> {
    return this.#ended;
  }

  /**
   * Adds a watch. What is added in one turn of the event loop goes out together, pipelined: thousands cost a few messages.
   *
   * @throws EtcdError `invalid-argument` for a range or option that is not allowed and for a label in use; `closed`;
   *   `aborted` when the signal has fired; `shard-failed` when no worker is left.
   */
  add(range: RangeInput, options: GroupWatchOptions = {}): GroupWatch {
    checkGroupWatchOptions(options);
    const request = watchRequest(range, options, 'add');
    if (options.watchId !== undefined && this.#members.has(options.watchId)) {
      const label = `${String(options.watchId)}n`;
      throw invalidOption(`add: watchId ${label} is in use in this group; choose another or leave it out`);
    }
    const watchId = options.watchId ?? this.#drawId();
    refuseAborted(options.signal);
    const entry = this.#outlet.add(request, watchId);
    if (options.signal !== undefined)
      this.#releases.set(
        entry,
        linkAbort(options.signal, () => void this.#outlet.cancel(entry)),
      );
    const member = new GroupWatch(this.#router, this.#outlet, entry);
    this.#members.set(watchId, member);
    return member;
  }

  /** The member with this label, unless it has ended. */
  get(watchId: bigint): GroupWatch | undefined {
    requireInt64(watchId, 'get: watchId');
    return this.#members.get(watchId);
  }

  /** The members that have not ended. */
  members(): IterableIterator<GroupWatch> {
    return this.#members.values();
  }

  /** Cancels the member with this label. False when there is none. Resolves when the server has been told. */
  async cancel(watchId: bigint): Promise<boolean> {
    requireInt64(watchId, 'cancel: watchId');
    const member = this.#members.get(watchId);
    if (member === undefined) return false;
    await member.cancel();
    return true;
  }

  /** Resolves when each present member has been created on the server, or has ended. */
  async ready(): Promise<void> {
    // One after another: most have been created when their turn comes, and need no promise of their own.
    for (const member of Array.from(this.#members.values())) {
      if (!member.isSettled) await member.ready.catch(() => undefined);
    }
  }

  /** Cancels all members and ends the loop; what was not read is dropped. Calling it again does nothing more. */
  close(): Promise<void> {
    return this.#outlet.close();
  }

  /**
   * Reads the batches. One loop at a time; leaving it closes the group.
   *
   * @throws EtcdError `invalid-argument` for a second loop, and with `onBatch`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<GroupBatch> {
    return this.#outlet.iterate();
  }

  /** {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #drawId(): bigint {
    do this.#lastDrawn += 1n;
    while (this.#members.has(this.#lastDrawn));
    return this.#lastDrawn;
  }

  #memberEnded(entry: WatchEntry, end: WatchEnd): void {
    this.#releases.get(entry)?.();
    this.#releases.delete(entry);
    const member = this.#members.get(entry.watchId);
    this.#members.delete(entry.watchId);
    const onEnd = this.#onEnd;
    if (member === undefined || onEnd === undefined) return;
    callGuarded(
      () => onEnd(member, end),
      (thrown) => this.#outlet.consumerFailed(thrown),
    );
  }

  #closed(error: EtcdError | undefined): void {
    this.#release();
    this.#settle(error);
  }
}
