/**
 * One shard as main knows it: its port, its credit, and its life, in which it may crash and be replaced. Main thread. Owns
 * the port; hands reports on and knows nothing of what they mean. Nothing from an old shard is read after the new one runs:
 * what a crashed worker had posted still arrives after its exit, so a new one is started only when the old port has closed.
 */
import type { ConnectionSettings } from '../wire/connection-settings.js';
import { dispatch } from '../wire/contract.js';
import type { Handlers, ShardCommand, ShardInit, ShardReport, ShardStats, StoreMark } from '../wire/contract.js';
import { EtcdError, toEtcdError } from '../wire/errors.js';
import type { EventBatchData } from '../wire/event-batch.js';
import { openBatch } from '../wire/open-batch.js';
import type { Port } from '../wire/port.js';
import type { ShardAuth } from '../wire/shard-auth.js';
import { packCommand, type PostedCommand } from '../wire/posted-command.js';
import { clearTimeout, setTimeout } from '../wire/timers.js';
import type { LinkOwner, TenantReport } from './link-owner.js';
import { CrashCount } from './crash-count.js';
import { whileRunning } from './running-limit.js';
import { endError, failedForGood, notReady, unreadable } from './shard-errors.js';
import type { ShardRun } from './shard-pool.js';
import { StatsRequests } from './stats-requests.js';

export interface LinkOptions {
  readonly init: Omit<ShardInit, 'epoch' | 'storeMark'>;
  readonly start: (init: ShardInit) => ShardRun;
  readonly owner: LinkOwner;
  readonly now: () => number;
  /** A worker must be ready within this, or it counts as crashed; the first one fails. Blocks of this thread do not count. Default 30 s. */
  readonly startLimitMs?: number | undefined;
}

/** Main's end of the port. */
type LinkPort = Port<ShardReport, PostedCommand>;

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'starting' | 'running'; readonly port: LinkPort }
  /** Its task is over or is being ended; its port has not closed yet. */
  | { readonly kind: 'replacing' }
  | { readonly kind: 'stopping'; readonly port: LinkPort }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: EtcdError };

/** Threads start in well under a second. */
const START_LIMIT_MS = 30_000;
/** A port whose task has ended closes by itself when its thread died; otherwise it is closed from here. */
const PORT_CLOSE_TIMEOUT_MS = 1_000;
/** How long a shard that is given up may take to cancel its streams. */
const RETIRE_TIMEOUT_MS = 2_000;

export class ShardLink {
  readonly shard: number;
  readonly #options: LinkOptions;
  /** What the next shard is started with. */
  #init: LinkOptions['init'];
  readonly #owner: LinkOwner;
  readonly #crashes: CrashCount;
  readonly #handlers: Handlers<ShardReport>;
  #state: State = { kind: 'idle' };
  #epoch = 0;
  #storeMark: StoreMark | undefined;
  #storeRestarts = 0; // replacements of the store that this epoch's shard has told of
  /** Bytes taken off the port and not yet credited. */
  #uncredited = 0;
  #batches = 0;
  #batchBytes = 0;
  #isRef = true;
  readonly #stats = new StatsRequests();
  #settled: (() => void)[] = [];
  /** Ends the thread of the present epoch, hanging or not. */
  #discard: () => void = () => undefined;
  /** Why the shard is being replaced, where it is main's decision. */
  #failure: EtcdError | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#init = options.init;
    this.#owner = options.owner;
    this.shard = options.init.shard;
    this.#crashes = new CrashCount(options.now);
    this.#handlers = this.#makeHandlers();
  }

  get state(): 'idle' | 'starting' | 'running' | 'replacing' | 'failed' | 'stopped' {
    return this.#state.kind === 'stopping' ? 'running' : this.#state.kind;
  }

  /** Why it failed for good, if it did. */
  get failure(): EtcdError | undefined {
    return this.#state.kind === 'failed' ? this.#state.error : undefined;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Batches taken off the port, and their bytes, over all epochs. */
  get totals(): { readonly batches: number; readonly bytes: number } {
    return { batches: this.#batches, bytes: this.#batchBytes };
  }

  /** Starts the shard, if it has not been. */
  start(): void {
    if (this.#state.kind === 'idle') this.#run();
  }

  /** Resolves when the shard runs; rejects when it failed or was stopped before. */
  async ready(): Promise<void> {
    this.start();
    while (this.#state.kind === 'starting' || this.#state.kind === 'replacing')
      await new Promise<void>((resolve) => this.#settled.push(resolve));
    if (this.#state.kind === 'failed') throw this.#state.error;
    if (this.#state.kind !== 'running') throw new EtcdError('the engine is closed', { code: 'closed' });
  }

  /** Sends a command; starts the shard if need be. While it is being replaced nothing is sent: `resume` tells the new one. */
  send(command: ShardCommand): void {
    this.start();
    if (this.#state.kind !== 'starting' && this.#state.kind !== 'running') return;
    const { posted, transfer } = packCommand(command, this.#storeRestarts);
    this.#state.port.postMessage(posted, transfer);
  }

  /** New settings: for the shard that runs, if one does, and for every one that is started later. */
  reconfigure(settings: ConnectionSettings, firstEndpoint: number): void {
    this.#init = { ...this.#init, settings, firstEndpoint };
    if (this.#state.kind === 'starting' || this.#state.kind === 'running')
      this.send({ kind: 'settings', settings, firstEndpoint });
  }

  /** The engine's login, or its token, is another: for the shard that runs, and for every later one. */
  setAuth(auth: ShardAuth | undefined): void {
    this.#init = { ...this.#init, auth };
    if (this.#state.kind === 'starting' || this.#state.kind === 'running') this.send({ kind: 'token', auth });
  }

  /** The shard's figures; undefined when it does not run, or does not answer in time. */
  stats(timeoutMs: number): Promise<ShardStats | undefined> {
    if (this.#state.kind !== 'running') return Promise.resolve(undefined);
    const { requestId, answer } = this.#stats.begin(timeoutMs);
    this.#state.port.postMessage({ kind: 'stats', requestId } satisfies ShardCommand);
    return answer;
  }

  /** Stops the shard in order. Resolves when its last message has come, or after `timeoutMs` with a shard that hangs. */
  async stop(timeoutMs: number): Promise<void> {
    const state = this.#state;
    if (state.kind === 'idle') this.#enter({ kind: 'stopped' });
    if (state.kind === 'starting' || state.kind === 'running') {
      this.#enter({ kind: 'stopping', port: state.port });
      this.#setPortRef(state.port, true); // or an unref'd process would end before its streams are cancelled
      state.port.postMessage({ kind: 'stop' } satisfies ShardCommand);
    }
    if (state.kind === 'replacing') this.#enter({ kind: 'stopped' });
    this.#stats.drop(); // a stopping shard answers nothing any more
    const timer = setTimeout(() => this.#abandon(), timeoutMs);
    while (this.#state.kind === 'stopping') await new Promise<void>((resolve) => this.#settled.push(resolve));
    clearTimeout(timer);
  }

  /** Whether the port keeps the process alive. */
  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    if (this.#state.kind === 'starting' || this.#state.kind === 'running') this.#setPortRef(this.#state.port, isRef);
  }

  #run(): void {
    this.#epoch += 1;
    this.#uncredited = 0;
    this.#storeRestarts = 0;
    const epoch = this.#epoch;
    const run = this.#options.start({ ...this.#init, epoch, storeMark: this.#storeMark });
    const { port } = run;
    this.#discard = () => run.discard();
    this.#enter({ kind: 'starting', port });
    const endLimit = whileRunning(this.#options.startLimitMs ?? START_LIMIT_MS, () => this.#retire(port));
    port.on('message', (report: ShardReport) => {
      if (report.kind === 'ready') endLimit();
      this.#receive(port, report);
    });
    port.on('messageerror', () => this.#retire(port));
    const closed = new Promise<void>((resolve) => {
      port.once('close', resolve);
    });
    if (!this.#isRef) this.#setPortRef(port, false);
    void run.ended.then(async (cause) => {
      endLimit();
      const closer = setTimeout(() => port.close(), PORT_CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(closer);
      this.#over(cause);
    });
  }

  #receive(port: LinkPort, report: ShardReport): void {
    const state = this.#state;
    // A shard that is stopping is only waited for; one that was given up is not believed any more.
    if (state.kind === 'stopping' && report.kind === 'stopped') {
      this.#stopped(port);
      return;
    }
    if ((state.kind !== 'starting' && state.kind !== 'running') || state.port !== port) return;
    try {
      dispatch(this.#handlers, report);
    } catch (error) {
      // What this message told is lost: only a new shard, from what was surely received, makes up for it.
      this.#failure = toEtcdError(error);
      this.#retire(port);
    }
  }

  /** One that never ran will not run the next time either; one whose predecessor ran was unlucky, and counts. */
  get #neverRan(): boolean {
    return this.#state.kind === 'starting' && this.#epoch === 1;
  }

  /** Gives a shard up whose thread lives. */
  #retire(port: LinkPort): void {
    if ((this.#state.kind !== 'starting' && this.#state.kind !== 'running') || this.#state.port !== port) return;
    const isStarting = this.#state.kind === 'starting';
    this.#failure ??= isStarting ? notReady(this.#options.startLimitMs ?? START_LIMIT_MS) : unreadable();
    if (this.#neverRan) {
      this.#giveUp(this.#failure);
      return;
    }
    port.postMessage({ kind: 'stop' } satisfies ShardCommand);
    this.#enter({ kind: 'replacing' });
    const timer = setTimeout(this.#discard, RETIRE_TIMEOUT_MS);
    port.once('close', () => clearTimeout(timer));
    port.on('message', (report: ShardReport) => {
      if (report.kind === 'stopped') port.close();
    });
  }

  /** Ends a shard that has not run, and starts no other. Inline only the command ends it. */
  #giveUp(error: EtcdError): void {
    if (this.#state.kind === 'starting') this.#state.port.postMessage({ kind: 'stop' } satisfies ShardCommand);
    this.#discard();
    this.#fail(error);
  }

  /** The task has ended and its port is empty. */
  #over(cause: unknown): void {
    switch (this.#state.kind) {
      case 'idle':
      case 'stopped':
      case 'failed':
        return;
      case 'stopping':
        this.#enter({ kind: 'stopped' });
        return;
      case 'starting':
      case 'running':
      case 'replacing': {
        const error = this.#failure ?? endError(cause);
        this.#failure = undefined;
        if (this.#neverRan || this.#crashes.add()) this.#fail(error);
        else this.#replace(error);
        return;
      }
      default:
        this.#state satisfies never;
    }
  }

  #replace(cause: EtcdError): void {
    this.#enter({ kind: 'replacing' });
    this.#stats.drop();
    this.#run();
    try {
      for (const command of this.#owner.resume()) this.send(command);
    } catch (error) {
      this.#giveUp(toEtcdError(error)); // half told, it would leave watches and leases with nobody
      return;
    }
    this.#owner.replaced(this.#epoch, cause);
  }

  #fail(cause: EtcdError): void {
    const error = failedForGood(this.shard, cause);
    this.#enter({ kind: 'failed', error });
    this.#stats.drop();
    this.#owner.failed(error);
  }

  #stopped(port: LinkPort): void {
    port.close();
    this.#enter({ kind: 'stopped' });
  }

  /** It does not stop in time. */
  #abandon(): void {
    if (this.#state.kind !== 'stopping') return;
    this.#discard();
    this.#stopped(this.#state.port);
  }

  #makeHandlers(): Handlers<ShardReport> {
    const tenant = (report: TenantReport): void => this.#owner.report(report);
    return {
      batch: (report) => this.#batch(report.bytes),
      'watch-created': tenant,
      'watch-ended': tenant,
      bookmarks: tenant,
      progress: tenant,
      'lease-granted': tenant,
      'lease-refused': tenant,
      'lease-ended': tenant,
      'lease-renewed': tenant,
      'lease-forgotten': tenant,
      'lease-revoke-failed': tenant,
      'token-wanted': tenant,
      'token-found': tenant,
      ready: () => {
        if (this.#state.kind !== 'starting') return;
        this.#enter({ kind: 'running', port: this.#state.port });
        this.#crashes.ready();
        if (this.#epoch === 1) this.#owner.ready(this.#epoch);
      },
      status: (report) => this.#owner.status(report.status),
      store: (report) => {
        this.#storeMark = report.mark;
        this.#storeRestarts = report.restarts;
        this.#owner.store(report.mark);
      },
      stats: (report) => this.#stats.answer(report.requestId, report.stats),
      // Not asked for: it is about to end by an error, which `ended` brings.
      stopped: () => {
        if (this.#state.kind === 'starting' || this.#state.kind === 'running') this.#state.port.close();
      },
    };
  }

  #batch(bytes: Uint8Array): void {
    this.#batches += 1;
    this.#batchBytes += bytes.length;
    this.#uncredited += bytes.length;
    const data = openBatch(bytes);
    this.#noteRevision(data);
    this.#owner.batch(data);
    // In few messages: an eighth is often enough for the shard never to wait.
    if (this.#uncredited * 8 < this.#options.init.limits.creditBytes) return;
    const credited = this.#uncredited;
    this.#uncredited = 0;
    this.send({ kind: 'credit', bytes: credited });
  }

  /** The store is at least where a batch says it was: a new shard must not take an older one for the same store. */
  #noteRevision({ segmentCount, segmentRevision }: EventBatchData): void {
    let revision = 0;
    for (let segment = 0; segment < segmentCount; segment += 1) {
      const seen = segmentRevision[segment] ?? 0;
      if (seen > revision) revision = seen;
    }
    this.#owner.brought(revision);
    const mark = this.#storeMark;
    if (mark !== undefined && revision > mark.revision) this.#storeMark = { ...mark, revision };
  }

  #setPortRef(port: LinkPort, isRef: boolean): void {
    if (isRef) port.ref();
    else port.unref();
  }

  #enter(next: State): void {
    this.#state = next;
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
