/** The engine as the application sees it. Main thread. */
import type { RangeInput } from '../wire/key-range.js';
import type { Engine } from './engine.js';
import { Kv } from './kv/kv.js';
import type { Leases } from './lease/leases.js';
import type { ReconfigureOptions, ReconfigureResult } from './reconfigure-options.js';
import type { EngineStats } from './stats.js';
import type { EngineStatus } from './engine-status.js';
import { WatchGroup } from './watch/watch-group.js';
import { Watcher } from './watch/watcher.js';
import type { WatchGroupOptions, WatchOptions } from './watch/watch-options.js';

/**
 * A connection to an etcd cluster, made by {@link connect}. Watches run in its worker threads and reconnect, fail over and
 * survive a crashed worker by themselves; a server that goes away never ends it. It keeps the process alive until
 * {@link close} (see {@link unref}), with `lazy` from the first watch or lease on.
 */
export class Etcd {
  readonly #engine: Engine;
  readonly #onClosed: () => void;

  /** Keys and values: put, get, range, pages, delete, transactions, compaction. */
  readonly kv: Kv;
  /** Leases, kept alive by the worker threads. */
  readonly leases: Leases;

  /** @internal */
  constructor(engine: Engine, onClosed: () => void) {
    this.#engine = engine;
    this.#onClosed = onClosed;
    this.kv = new Kv({
      // The unary connections close last: nothing new is to begin on them while the rest closes.
      call: async (method, message, options) => {
        engine.refuseClosed();
        return engine.unary.call(method, message, options);
      },
    });
    this.leases = engine.leases;
  }

  /** The name given to `connect`. */
  get name(): string | undefined {
    return this.#engine.options.name;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#engine.isClosed;
  }

  /**
   * Changes of state from now on: workers connected, disconnected, resumed, replaced; consumers that lag. Any number of
   * loops; each has a buffer of 1,024 and loses the oldest when it does not read. Ends after `closed`.
   */
  get status(): AsyncIterable<EngineStatus> {
    return this.#engine.status;
  }

  /**
   * Watches one key or range. Returns at once; `await watcher.ready` for the moment from which writes are seen.
   *
   * @throws EtcdError `invalid-argument`, `closed`, `aborted` when the signal has fired, `shard-failed` when no worker is left.
   */
  watch(range: RangeInput, options: WatchOptions = {}): Watcher {
    this.#engine.refuseClosed();
    return new Watcher(this.#engine.router, range, options, (report) => this.#engine.lagged(report));
  }

  /**
   * Makes an empty group for watching very many ranges with one consumer.
   *
   * @throws EtcdError `invalid-argument`, `closed`, `aborted` when the signal has fired.
   */
  watchGroup(options: WatchGroupOptions = {}): WatchGroup {
    this.#engine.refuseClosed();
    return new WatchGroup(this.#engine.router, options, (report) => this.#engine.lagged(report));
  }

  /**
   * Replaces endpoints and certificates while everything runs: watches and lease renewals move to connections made with the
   * new ones, without a gap, where their member is gone from the list or the certificates are others; kv calls on their way
   * finish where they are, later ones use the new. Where that leads to no connection, streams stay on the old ones as long
   * as those work. Resolves as soon as the new settings are in use; `status` tells when the old connections were `left`.
   * Changes asked for at once are made one after the other.
   *
   * @throws EtcdError, with everything as it was: `invalid-argument`; `connect-failed` when no member answered within
   *   `connectTimeoutMs` (see {@link ReconfigureOptions.unreachable}); `cluster-mismatch` when a member belongs to another
   *   cluster; `aborted`; `closed`.
   */
  async reconfigure(options: ReconfigureOptions): Promise<ReconfigureResult> {
    this.#engine.refuseClosed();
    return this.#engine.settings.change(options, 'reconfigure');
  }

  /** Figures of this moment. A worker that does not answer within a second is listed without its own. */
  async stats(): Promise<EngineStats> {
    this.#engine.refuseClosed();
    return this.#engine.stats();
  }

  /** Lets the process end although this is open. With `shards: 'inline'` open connections still keep it alive. */
  unref(): this {
    this.#engine.setRef(false);
    return this;
  }

  /** Keeps the process alive again (the default). */
  ref(): this {
    this.#engine.setRef(true);
    return this;
  }

  /**
   * Ends all watches as cancelled (on the servers, too), the worker threads, and running calls with code `closed`; frees
   * the name. Leases end as `released`: none is revoked, so they run out on the servers. Afterwards nothing of it keeps the process alive. Calling it again does nothing more.
   */
  async close(): Promise<void> {
    await this.#engine.close();
    this.#onClosed();
  }

  /** {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
