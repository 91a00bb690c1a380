/**
 * The caller's handle of an embedded server: starts its thread, talks to it, notices its end. Caller's thread.
 */
import { existsSync } from 'node:fs';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { describeValue, invalidOption } from '../wire/arguments.js';
import { EtcdError, errorFromPlain } from '../wire/errors.js';
import { threadFile } from '../wire/thread-file.js';
import { checkStartOptions, type EmbeddedEtcdOptions } from './embedded-options.js';
import type { FaultResult } from './faults/fault.js';
import { serverLinks } from './faults/server-link.js';
import type { ServerCommand, ServerReport, ServerRequest, ServerStart } from './server-messages.js';

interface Waiting {
  resolve(value: FaultResult): void;
  reject(error: EtcdError): void;
}

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'closing'; readonly closed: Promise<void> }
  | { readonly kind: 'crashed'; readonly error: EtcdError };

/**
 * An etcd v3 server inside this process, in a thread of its own: real ports, that any etcd client can talk to. For one process
 * and for tests, not for production: nothing is written to disk and there is one member. It behaves as etcd 3.5.
 *
 * It keeps the process alive until {@link close}, as any server does; see {@link unref}.
 */
export class EmbeddedEtcd implements AsyncDisposable {
  /** What clients connect to, such as `['http://127.0.0.1:40123']`. */
  readonly endpoints: readonly string[];
  /**
   * Resolves when the server was closed. Rejects with an EtcdError `internal` when its thread died, which is a defect; it may be
   * left unobserved.
   */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #state: State = { kind: 'running' };

  private constructor(worker: Worker, endpoints: readonly string[]) {
    this.#worker = worker;
    this.endpoints = endpoints;
    serverLinks.set(this, (command) => this.#send({ kind: 'faults', command }));
    worker.on('message', (report: ServerReport) => {
      this.#settle(report);
    });
    this.ended = new Promise((resolve, reject) => {
      let cause: unknown;
      worker.on('error', (error) => {
        cause = error;
      });
      worker.once('exit', () => {
        if (this.#state.kind === 'closing') resolve();
        else reject(this.#crash(cause));
        for (const waiting of this.#waiting.values()) waiting.reject(closedError());
        this.#waiting.clear();
      });
    });
    this.ended.catch(() => undefined);
  }

  /**
   * Starts a server; it serves when the promise resolves.
   *
   * @throws EtcdError `invalid-argument` for an option that is not allowed, `connect-failed` when the port, host, socket or
   * thread cannot be had.
   */
  static async start(options: EmbeddedEtcdOptions = {}): Promise<EmbeddedEtcd> {
    const start: ServerStart = checkStartOptions(options);
    const worker = await startThread(start);
    const report = await firstReport(worker);
    if (report.kind === 'ready') return new EmbeddedEtcd(worker, report.endpoints);
    await worker.terminate();
    throw report.kind === 'failed'
      ? errorFromPlain(report.error)
      : new EtcdError('EmbeddedEtcd: its thread spoke out of turn', { code: 'internal' });
  }

  /** The first endpoint without its scheme: `host:port`, or the path of the unix socket. */
  get address(): string {
    return (this.endpoints[0] ?? '').replace(/^[a-z]+:\/\//u, '');
  }

  /**
   * Moves the clock of a server that was started with `clock: 'manual'`. What falls due meanwhile (leases, tokens, progress)
   * has happened when the promise resolves.
   *
   * @throws EtcdError `invalid-argument` for a negative time, or when the clock is the system's; `closed` after close.
   */
  async advanceClock(byMs: number): Promise<void> {
    if (!Number.isFinite(byMs) || byMs < 0)
      throw invalidOption(`advanceClock: byMs must be milliseconds, 0 or more, not ${describeValue(byMs)}`);
    await this.#send({ kind: 'advance', byMs });
  }

  /** Lets the process end although the server runs. */
  unref(): this {
    this.#worker.unref();
    return this;
  }

  /** Ends all calls and connections, gives ports and socket back, ends the thread. Calling it again gives the same promise. */
  close(): Promise<void> {
    switch (this.#state.kind) {
      case 'closing':
        return this.#state.closed;
      case 'crashed':
        return Promise.resolve();
      case 'running': {
        const closed = this.#close();
        this.#state = { kind: 'closing', closed };
        return closed;
      }
      default:
        return this.#state satisfies never;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    // The process must see the end even when unref() was called.
    this.#worker.ref();
    try {
      await this.#send({ kind: 'close' });
    } finally {
      await this.#worker.terminate();
    }
  }

  #send(command: ServerCommand): Promise<FaultResult> {
    if (this.#state.kind !== 'running')
      return Promise.reject(this.#state.kind === 'crashed' ? this.#state.error : closedError());
    this.#lastId += 1;
    const request: ServerRequest = { id: this.#lastId, command };
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  #settle(report: ServerReport): void {
    if (report.kind !== 'done') return;
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    if (report.error === undefined) waiting?.resolve(report.value);
    else waiting?.reject(errorFromPlain(report.error));
  }

  #crash(cause: unknown): EtcdError {
    const error = new EtcdError('EmbeddedEtcd: its thread died; this is a defect of etcd-vigil', {
      code: 'internal',
      cause,
    });
    this.#state = { kind: 'crashed', error };
    return error;
  }
}

async function startThread(start: ServerStart): Promise<Worker> {
  // Flags of the caller's process, such as a test runner's loaders, are not for this thread.
  const options: WorkerOptions = { workerData: start, execArgv: [], name: 'embedded-etcd' };
  const file = threadFile('embedded/server-thread.js');
  if (file !== undefined && existsSync(new URL('../../package.json', file))) return newWorker(file, options);
  const { source } = await import('../generated/server-source.js');
  return newWorker(source, { ...options, eval: true });
}

function newWorker(code: URL | string, options: WorkerOptions): Worker {
  try {
    return new Worker(code, options);
  } catch (cause) {
    const isRefused = cause instanceof Error && 'code' in cause && cause.code === 'ERR_ACCESS_DENIED';
    const why = isRefused
      ? "Node's permission model refuses worker threads: start node with --allow-worker"
      : 'its thread could not be made';
    throw new EtcdError(`EmbeddedEtcd: ${why}`, { code: 'connect-failed', outcome: 'not-sent', cause });
  }
}

/** What the thread says first; its death before that is an error. */
async function firstReport(worker: Worker): Promise<ServerReport> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(new EtcdError('EmbeddedEtcd: its thread died while starting', { code: 'internal', cause }));
    };
    const died = (exitCode: number): void => {
      fail(new Error(`exit code ${exitCode}`));
    };
    worker.once('error', fail);
    worker.once('exit', died);
    worker.once('message', (report: ServerReport) => {
      worker.off('error', fail);
      worker.off('exit', died);
      resolve(report);
    });
  });
}

function closedError(): EtcdError {
  return new EtcdError('EmbeddedEtcd: the server was closed', { code: 'closed', outcome: 'not-sent' });
}
