/**
 * Owns everything behind an {@link Etcd}: the shards with their threads, the watches, the unary connections, and the order
 * in which they close. Main thread.
 */
import type { ConnectionSettings } from '../wire/connection-settings.js';
import { EtcdError, errorFromPlain } from '../wire/errors.js';
import { performanceNow } from '../wire/timers.js';
import { abortedError, linkAbort } from './abort-link.js';
import { authenticate } from './auth/authenticate.js';
import { probeAsUser } from './auth/log-in.js';
import { TokenKeeper } from './auth/token-keeper.js';
import type { EngineOptions } from './connect-options.js';
import { leasePut, leaseRpc } from './lease/lease-rpc.js';
import { Leases } from './lease/leases.js';
import { KnownRevisions } from './known-revisions.js';
import { SettingsChanges } from './settings-changes.js';
import type { LinkOwner, TenantReport } from './link-owner.js';
import { ShardLink } from './shard-link.js';
import { openShardPool, type ShardPool } from './shard-pool.js';
import type { EngineStats, ShardSummary } from './stats.js';
import { StatusFeed } from './status.js';
import { ClusterPin } from './unary/cluster-pin.js';
import { oneCluster } from './unary/one-cluster.js';
import { UnaryClient } from './unary/unary-client.js';
import type { LagReport } from './watch/lag-report.js';
import { WatchRouter } from './watch/watch-router.js';

/** How long a shard may take to cancel its streams and say so. */
const STOP_TIMEOUT_MS = 5_000;
const STATS_TIMEOUT_MS = 1_000;
/** An engine that connects at once also has its shards connected, for programs that watch right away. */
const WARM_MS = 10_000;

/** What an engine is made of, so that tests can give their own. */
export interface EngineParts {
  readonly unary: UnaryClient;
  readonly openPool: (shards: number | 'inline') => ShardPool;
}

type State =
  | { readonly kind: 'open' }
  | { readonly kind: 'closing'; readonly closed: Promise<void> }
  | { readonly kind: 'closed' };

export class Engine {
  readonly options: EngineOptions;
  readonly tokens: TokenKeeper;
  readonly unary: UnaryClient;
  readonly status: StatusFeed;
  readonly links: readonly ShardLink[];
  readonly router: WatchRouter;
  readonly leases: Leases;
  /** The settings of now, and the way to others. */
  readonly settings: SettingsChanges;
  readonly #pin: ClusterPin = new ClusterPin((clusterId) => this.settings.pinned(clusterId));
  readonly #known: KnownRevisions = new KnownRevisions(() => this.#pin.known);
  readonly #openPool: (shards: number | 'inline') => ShardPool;
  #pool: ShardPool | undefined;
  #isRef = true;
  #state: State = { kind: 'open' };

  constructor(options: EngineOptions, parts?: Partial<EngineParts>) {
    this.options = options;
    const { settings, requestTimeoutMs, name, auth } = options;
    this.tokens = new TokenKeeper({
      auth,
      authenticate: (login) => authenticate(this.unary, login),
      tell: (changed) => {
        for (const link of this.links) link.setAuth(changed);
      },
    });
    const { tokens } = this;
    this.unary =
      parts?.unary ?? new UnaryClient({ settings, requestTimeoutMs, name, tokens, pin: this.#pin, known: this.#known });
    this.#openPool = parts?.openPool ?? openShardPool;
    this.status = new StatusFeed(options.name);
    const count = options.shards === 'inline' ? 1 : options.shards;
    this.leases = new Leases({
      link: {
        shards: count,
        send: (shard, command) => this.links[shard]?.send(command),
        failure: (shard) => this.links[shard]?.failure,
      },
      rpc: leaseRpc(this.unary),
      put: leasePut(this.unary),
      livenessMs: options.livenessMs,
    });
    this.links = Array.from({ length: count }, (_, shard) => this.#makeLink(shard, count));
    this.router = new WatchRouter(this.links, options.name, () => this.#known.highest);
    this.settings = new SettingsChanges(options, {
      name,
      pin: this.#pin,
      tokens,
      refuseClosed: () => this.refuseClosed(),
      apply: (changed, answered) => {
        this.unary.reconfigure(changed);
        this.unary.verified(answered);
        for (const link of this.links) link.reconfigure(changed, firstEndpoint(link.shard, count, changed));
      },
      publish: (status) => this.status.publish(status),
    });
  }

  get isClosed(): boolean {
    return this.#state.kind !== 'open';
  }

  /**
   * Waits until a member answers and every shard runs.
   *
   * @throws EtcdError `connect-failed`, `unauthenticated`, `cluster-mismatch`, `aborted`, `shard-failed`.
   */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const timeoutMs = this.options.settings.connectTimeoutMs;
    const connected = Promise.all([this.#identify(timeoutMs, signal), ...this.links.map((link) => link.ready())]);
    if (signal === undefined) {
      await connected;
      return;
    }
    // Also while a member has answered already and the threads are still on their way.
    let unlink = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      unlink = linkAbort(signal, () => reject(abortedError(signal)));
    });
    try {
      await Promise.race([connected, aborted]);
    } finally {
      unlink();
    }
  }

  /** Waits for a member to answer; those that do have to be of one cluster, which is that of this engine from then on. */
  async #identify(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const reports = await probeAsUser(this.unary, this.tokens, { timeoutMs, signal });
    const clusterId = oneCluster(reports, undefined, 'connect');
    if (clusterId !== undefined) this.#pin.learn(clusterId);
    this.unary.verified(reports.filter(({ kind }) => kind === 'answered').map(({ endpoint }) => endpoint));
  }

  /** Tells that a consumer lags, or does no longer. */
  lagged(report: LagReport): void {
    const { group, watches } = report;
    this.status.publish(watches > 0 ? { type: 'watch-lagging', group, watches } : { type: 'watch-caught-up', group });
  }

  async stats(): Promise<EngineStats> {
    const shards = await Promise.all(this.links.map((link) => this.#summary(link)));
    const owners = Array.from(this.router.owners);
    return {
      name: this.options.name,
      shards,
      watchers: this.router.size,
      laggingWatchers: owners.reduce((sum, owner) => sum + owner.laggingCount, 0),
      queuedBytes: owners.reduce((sum, owner) => sum + owner.queuedBytes, 0),
      batches: this.links.reduce((sum, link) => sum + link.totals.batches, 0),
      batchBytes: this.links.reduce((sum, link) => sum + link.totals.bytes, 0),
    };
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    this.#pool?.setRef(isRef);
    for (const link of this.links) link.setRef(isRef);
  }

  /** @throws EtcdError `closed`. */
  refuseClosed(): void {
    if (this.isClosed) throw new EtcdError('the engine is closed', { code: 'closed', outcome: 'not-sent' });
  }

  /** Closes everything, in order; calls while it runs share it. */
  close(): Promise<void> {
    switch (this.#state.kind) {
      case 'open': {
        const closed = this.#close();
        this.#state = { kind: 'closing', closed };
        return closed;
      }
      case 'closing':
        return this.#state.closed;
      case 'closed':
        return Promise.resolve();
      default:
        return this.#state satisfies never;
    }
  }

  /**
   * Consumers first, so that each hears of its end; then the shards, which cancel their streams on the servers; then the
   * threads; last what the application's own calls run over.
   */
  async #close(): Promise<void> {
    await Promise.resolve(); // `closing` is entered before anything below runs
    this.settings.close();
    this.leases.close(new EtcdError('the engine was closed', { code: 'closed' }));
    this.router.close();
    await Promise.all(this.links.map((link) => link.stop(STOP_TIMEOUT_MS)));
    await this.#pool?.close();
    this.unary.close();
    this.#state = { kind: 'closed' };
    this.status.close();
  }

  #makeLink(shard: number, count: number): ShardLink {
    const { settings, limits, lazy } = this.options;
    const warmMs = lazy ? 0 : WARM_MS;
    const leaseState = this.leases.sharedState(shard);
    return new ShardLink({
      init: {
        shard,
        settings,
        auth: this.tokens.shardAuth,
        firstEndpoint: firstEndpoint(shard, count, settings),
        limits,
        leaseState,
        warmMs,
      },
      start: (init) => this.#ensurePool().start(init),
      owner: this.#linkOwner(shard),
      now: performanceNow,
    });
  }

  #linkOwner(shard: number): LinkOwner {
    return {
      batch: (data) => this.router.batch(data),
      report: (report) => this.#report(shard, report),
      status: (status) => {
        if (status.type === 'store-reset') this.#known.storeReplaced(shard);
        this.status.publish(
          status.type === 'disconnected'
            ? { ...status, error: errorFromPlain(status.error), shard }
            : { ...status, shard },
        );
      },
      store: (mark) => {
        this.#pin.learn(mark.clusterId);
        this.#known.shardAt(shard, mark);
      },
      brought: (revision) => this.#known.shardBrought(shard, revision),
      ready: (epoch) => this.status.publish({ type: 'shard-ready', shard, epoch }),
      resume: () => [...this.router.resume(shard), ...this.leases.resume(shard)],
      replaced: (epoch, error) => this.status.publish({ type: 'shard-replaced', shard, epoch, error }),
      failed: (error) => {
        this.status.publish({ type: 'shard-failed', shard, error });
        this.router.failed(shard, error);
        this.leases.failed(shard, error);
      },
    };
  }

  #report(shard: number, report: TenantReport): void {
    switch (report.kind) {
      case 'watch-created':
      case 'watch-ended':
      case 'bookmarks':
      case 'progress':
        this.router.report(shard, report);
        break;
      case 'lease-granted':
      case 'lease-refused':
      case 'lease-ended':
      case 'lease-renewed':
      case 'lease-forgotten':
      case 'lease-revoke-failed':
        this.leases.report(shard, report);
        break;
      case 'token-wanted':
        this.tokens.wanted(report.refused, (command) => this.links[shard]?.send(command));
        break;
      case 'token-found':
        this.tokens.found(report.identity, report.refused, report.held);
        break;
      default:
        report satisfies never;
    }
  }

  #ensurePool(): ShardPool {
    if (this.#pool === undefined) {
      this.#pool = this.#openPool(this.options.shards);
      if (!this.#isRef) this.#pool.setRef(false);
    }
    return this.#pool;
  }

  async #summary(link: ShardLink): Promise<ShardSummary> {
    const stats = await link.stats(STATS_TIMEOUT_MS);
    const { shard, state, epoch } = link;
    return { shard, state, epoch, watchers: this.router.watchersOf(shard), stats };
  }
}

/** Shards begin at different members; with fewer members than shards some share one. */
function firstEndpoint(shard: number, shards: number, { endpoints }: ConnectionSettings): number {
  return Math.floor((shard * endpoints.length) / Math.max(shards, 1)) % endpoints.length;
}
