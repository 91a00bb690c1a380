/**
 * The life of one shard: builds its parts around the port, hands each command to the part it is for, and takes everything
 * down in order when told to stop. The same in a worker thread and inline on the main thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { dispatch } from '../wire/contract.js';
import type { Handlers, ShardCommand, ShardInit, ShardReport, ShardStats } from '../wire/contract.js';
import { EtcdError, toEtcdError } from '../wire/errors.js';
import { Batcher } from './batch/batcher.js';
import { StoreGuard } from './member/store-guard.js';
import type { ShardContext } from './shard-context.js';
import { threadBusyMs } from './thread-busy.js';
import type { OpenConnection } from './transport/grpc-connection.js';
import { WatchEngine } from './watch/watch-engine.js';

export class CommandLoop {
  readonly #port: MessagePort;
  readonly #init: ShardInit;
  readonly #context: ShardContext;
  readonly #batcher: Batcher;
  readonly #watches: WatchEngine;
  readonly #handlers: Handlers<ShardCommand>;
  #finish: (failure?: unknown) => void = () => undefined;
  #stopped = false;

  constructor(port: MessagePort, init: ShardInit, openConnection: OpenConnection) {
    this.#port = port;
    this.#init = init;
    const guard = new StoreGuard(init.storeMark);
    this.#context = {
      shard: init.shard,
      settings: init.settings,
      openConnection,
      metadata: () => ({}),
      now: () => performance.now(),
      random: Math.random,
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
    });
    this.#watches = new WatchEngine({
      context: this.#context,
      guard,
      batcher: this.#batcher,
      limits: init.limits,
      firstEndpoint: init.firstEndpoint,
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
    this.#port.on('message', (command: ShardCommand) => {
      try {
        dispatch(this.#handlers, command);
      } catch (error) {
        // Inline, an exception here would be the application's: the shard ends instead and is started again.
        this.#takeDown();
        this.#finish(error);
      }
    });
    this.#post({ kind: 'ready' }, []);
    return ended;
  }

  #makeHandlers(): Handlers<ShardCommand> {
    const watches = this.#watches;
    const noLeases = (): void => {
      throw new EtcdError('this shard keeps no leases', { code: 'unimplemented' });
    };
    return {
      watch: (command) => {
        watches.watch(command.watches);
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
        watches.replaceStreams();
      },
      stats: (command) => {
        this.#post({ kind: 'stats', requestId: command.requestId, stats: this.#stats() }, []);
      },
      stop: () => {
        this.#takeDown();
        this.#finish();
      },
      grant: noLeases,
      'keep-alive': noLeases,
      forget: noLeases,
      revoke: noLeases,
      'observe-renewals': noLeases,
    };
  }

  #takeDown(): void {
    if (this.#stopped) return;
    this.#batcher.close();
    this.#watches.close();
    this.#post({ kind: 'stopped' }, []);
    this.#stopped = true;
    // Main closes the port when it has read `stopped`; until then nothing here keeps the thread or the process alive.
    this.#port.unref();
  }

  #stats(): ShardStats {
    const { waiting, live, catchUp, detached, assemblyBytes } = this.#watches.counts();
    const { lanes, resumes } = this.#watches;
    const totals = this.#batcher.totals;
    return {
      shard: this.#init.shard,
      epoch: this.#init.epoch,
      streams: { live: lanes.live.openStreams, catchUp: lanes.catchUp.openStreams, lease: 0 },
      watchers: { waiting, live, catchUp, detached },
      leases: 0,
      events: totals.events,
      batches: totals.batches,
      bytes: totals.bytes,
      keepAlives: 0,
      resumes,
      uncreditedBytes: totals.uncredited,
      creditBytes: this.#init.limits.creditBytes,
      assemblyBytes,
      busyMs: threadBusyMs(),
    };
  }

  /** `stopped` is always the last message: what comes late from a timer or a closing stream is dropped. */
  #post(report: ShardReport, transfer: readonly ArrayBuffer[]): void {
    if (!this.#stopped) this.#port.postMessage(report, transfer);
  }
}
