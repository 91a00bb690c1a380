/**
 * The life of one shard: builds its parts around the port, hands each command to the part it is for, and takes everything
 * down in order when told to stop. The same in a worker thread and inline on the main thread.
 */
import { dispatch } from '../wire/contract.js';
import type { Handlers, ShardCommand, ShardInit, ShardReport, ShardStats } from '../wire/contract.js';
import { toEtcdError } from '../wire/errors.js';
import type { LeaseCommand } from '../wire/lease-contract.js';
import type { Port } from '../wire/port.js';
import { decodeAnswerHeader } from '../wire/response-header.js';
import { performanceNow } from '../wire/timers.js';
import { unpackCommand } from '../wire/posted-command.js';
import type { PostedCommand } from '../wire/posted-command.js';
import { withTokens } from '../member/authenticated-connection.js';
import { Batcher } from './batch/batcher.js';
import { ShardTokens } from './credentials.js';
import type { Timers } from '../member/timers.js';
import { LeaseEngine } from './lease/lease-engine.js';
import { systemClock } from './lease/system-clock.js';
import { MemberHealth } from '../member/member-health.js';
import { StoreGuard } from '../member/store-guard.js';
import { leaveUnread, sleep } from './rest.js';
import type { Readable } from './rest.js';
import type { ShardContext } from './shard-context.js';
import { guardedTimers } from '../wire/guarded-timers.js';
import { threadBusyMs } from './thread-busy.js';
import type { OpenConnection, Transport } from '../grpc/grpc-connection.js';
import { WatchEngine } from './watch/watch-engine.js';

/** Reports that bring their revision with them, or of which none could be told. */
const TELL_NO_REVISION: ReadonlySet<ShardReport['kind']> = new Set([
  'batch',
  'ready',
  'status',
  'token-wanted',
  'token-found',
  'stats',
  'stopped',
]);

/** Whether the shard is alone on its thread, so that it may block it. */
export type ShardThread = 'own' | 'shared';

export class CommandLoop {
  readonly #port: Port<PostedCommand, ShardReport>;
  readonly #init: ShardInit;
  readonly #context: ShardContext;
  readonly #store: StoreGuard;
  readonly #tokens: ShardTokens;
  /** How far main knows the store to be. */
  #toldRevision = 0;
  readonly #batcher: Batcher;
  readonly #watches: WatchEngine;
  readonly #leases: LeaseEngine;
  readonly #handlers: Handlers<ShardCommand>;
  readonly #sockets: Readable = {
    hold: () => this.#watches.lanes.hold(),
    release: () => this.#watches.lanes.release(),
  };
  #finish: (failure?: unknown) => void = () => undefined;
  #stopped = false;

  constructor(port: Port<PostedCommand, ShardReport>, init: ShardInit, transport: Transport, thread: ShardThread) {
    this.#port = port;
    this.#init = init;
    const guard = new StoreGuard(init.storeMark);
    this.#store = guard;
    const timers = guardedTimers((callback) => () => {
      this.#guard(callback);
    });
    const tokenTimers: Timers = {
      set: timers.setTimeout,
      clear: (timer) => timers.clear(timer as NodeJS.Timeout | undefined), // those of `set`
    };
    const tokens = new ShardTokens({
      auth: init.auth,
      report: (report) => {
        this.#post(report, []);
      },
      timers: tokenTimers,
      now: performanceNow,
      random: Math.random,
    });
    this.#tokens = tokens;
    const openConnection: OpenConnection = withTokens(
      (endpoint, settings, handlers) => transport(endpoint, settings, handlers, timers),
      tokens,
      tokenTimers,
    );
    this.#context = {
      shard: init.shard,
      settings: init.settings,
      openConnection,
      health: new MemberHealth(performanceNow, Math.random),
      metadata: () => tokens.headers(),
      tokens,
      now: performanceNow,
      random: Math.random,
      timers,
      report: (report) => {
        this.#post(report, []);
      },
      status: (status) => {
        this.#post({ kind: 'status', status }, []);
      },
    };
    this.#batcher = new Batcher({
      limits: init.limits,
      now: this.#context.now,
      post: (report, transfer) => {
        this.#post(report, transfer);
      },
      onStall: () => {
        this.#watches.lanes.pause();
      },
      onResume: () => {
        this.#watches.lanes.resume();
      },
      timers,
      creating: () => this.#watches.lanes.creating,
      rest: thread === 'own' ? sleep(timers) : leaveUnread(this.#sockets, timers),
    });
    this.#watches = new WatchEngine({
      context: this.#context,
      guard,
      batcher: this.#batcher,
      limits: init.limits,
      firstEndpoint: init.firstEndpoint,
    });
    this.#leases = new LeaseEngine({
      settings: init.settings,
      open: openConnection,
      firstEndpoint: init.firstEndpoint,
      credentials: tokens,
      clock: systemClock,
      timers: { set: timers.setTimeout, clear: timers.clear },
      health: this.#context.health,
      random: Math.random,
      isForeign: (endpoint, clusterId) => guard.identify(endpoint, clusterId, this.#context.settings) === 'foreign',
      onCall: () => {
        const { restarts } = guard;
        return (answer) => {
          guard.learn({ ...decodeAnswerHeader(answer), restarts });
        };
      },
      state: init.leaseState,
      report: (report) => {
        this.#post(report, []);
      },
    });
    this.#handlers = this.#makeHandlers();
  }

  /** Resolves after `stopped` was posted; rejects when a command could not be carried out. */
  run(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#finish = (failure) => {
        if (failure === undefined) resolve();
        else reject(toEtcdError(failure));
      };
    });
    this.#port.on('message', (posted: PostedCommand) => {
      this.#guard(() => {
        dispatch(this.#handlers, unpackCommand(posted));
      });
    });
    this.#post({ kind: 'ready' }, []);
    if (this.#init.warmMs > 0) this.#watches.lanes.live.keepOpen(this.#init.warmMs);
    return ended;
  }

  /** Inline, an exception would be the application's: the shard ends instead and is started again. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#takeDown();
      this.#finish(error);
    }
  }

  #makeHandlers(): Handlers<ShardCommand> {
    const watches = this.#watches;
    const token = (command: Parameters<ShardTokens['handle']>[0]): void => {
      if (this.#tokens.handle(command)) this.#leaveEarlierUser();
    };
    const lease = (command: LeaseCommand): void => {
      this.#leases.handle(command);
    };
    return {
      watch: (command) => {
        watches.watch(command.watches, command.known);
      },
      unwatch: (command) => {
        watches.unwatch(command.watches);
      },
      detach: (command) => {
        watches.detach(command.watches);
      },
      attach: (command) => {
        watches.attach(command.watches);
      },
      progress: (command) => {
        watches.requestProgress(command.requestId, command.watch, command.timeoutMs);
      },
      credit: (command) => {
        this.#batcher.credit(command.bytes);
      },
      settings: (command) => {
        this.#context.settings = command.settings;
        watches.settingsChanged(command.firstEndpoint);
        this.#leases.updateSettings(command.settings, command.firstEndpoint);
      },
      token,
      'token-coming': token,
      'token-failed': token,
      stats: (command) => {
        this.#post({ kind: 'stats', requestId: command.requestId, stats: this.#stats() }, []);
      },
      stop: () => {
        this.#takeDown();
        this.#finish();
      },
      grant: lease,
      'keep-alive': lease,
      adopt: lease,
      reschedule: lease,
      forget: lease,
      revoke: lease,
    };
  }

  /** Servers judge streams by who opened them: those of now are made anew. */
  #leaveEarlierUser(): void {
    this.#watches.userChanged();
    this.#leases.userChanged();
  }

  #takeDown(): void {
    if (this.#stopped) return;
    this.#tokens.close();
    this.#batcher.close();
    this.#watches.close();
    this.#leases.stop();
    this.#post({ kind: 'stopped' }, []);
    this.#stopped = true;
    // Main closes the port when it has read `stopped`; until then nothing here keeps the thread or the process alive.
    this.#port.unref();
  }

  #stats(): ShardStats {
    const { waiting, live, catchUp, detached, assemblyBytes } = this.#watches.counts();
    const { lanes, resumes } = this.#watches;
    const totals = this.#batcher.totals;
    const leases = this.#leases.stats();
    return {
      shard: this.#init.shard,
      epoch: this.#init.epoch,
      streams: { live: lanes.live.openStreams, catchUp: lanes.catchUpStreams, lease: leases.streams },
      watchers: { waiting, live, catchUp, detached },
      leases: leases.leases,
      events: totals.events,
      batches: totals.batches,
      bytes: totals.bytes,
      keepAlives: leases.keepAlives,
      keepAliveRetries: leases.retries,
      resumes,
      uncreditedBytes: totals.uncredited,
      creditBytes: this.#init.limits.creditBytes,
      assemblyBytes,
      busyMs: threadBusyMs(),
    };
  }

  /** `stopped` is always the last message: what comes late from a timer or a closing stream is dropped. */
  #post(report: ShardReport, transfer: readonly ArrayBuffer[]): void {
    if (this.#stopped) return;
    if (report.kind === 'store') this.#toldRevision = report.mark.revision;
    else this.#tellStore(report);
    this.#port.postMessage(report, transfer);
  }

  /** Before the application hears of something, main knows the revision that it may stem from. Batches tell theirs themselves. */
  #tellStore({ kind }: ShardReport): void {
    if (this.#store.revision <= this.#toldRevision || TELL_NO_REVISION.has(kind)) return;
    const { mark, restarts } = this.#store;
    if (mark === undefined) return;
    this.#toldRevision = mark.revision;
    this.#port.postMessage({ kind: 'store', mark, restarts }, []);
  }
}
