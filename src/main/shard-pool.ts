/**
 * Runs shards: each as one endless piscina task in a worker thread of its own, or inline on the calling thread. Main thread;
 * owns the threads. The only user of piscina, and the only place where main reaches the workers' code: by URL, in a bundle as
 * source, and inline through src/inline.
 */
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type * as piscina from 'piscina';
import type { ShardInit, ShardReport } from '../wire/contract.js';
import type { Port } from '../wire/port.js';
import type { PostedCommand } from '../wire/posted-command.js';
import { threadFile } from '../wire/thread-file.js';
import { setImmediate } from '../wire/timers.js';
import { openInlineChannel } from './inline-channel.js';
import { SourceThread } from './source-thread.js';

/** A shard that was started. */
export interface ShardRun {
  /** Main's end. */
  readonly port: Port<ShardReport, PostedCommand>;
  /** Resolves when its task is over, with the error that ended it or undefined. Messages of it may still be in the port. */
  readonly ended: Promise<unknown>;
  /** Ends its thread without asking; for one that hangs. Inline there is none to end. */
  discard(): void;
}

export interface ShardPool {
  start(init: ShardInit): ShardRun;
  /** Let the process end while shards run, or keep it alive. Inline shards keep it alive by their sockets in any case. */
  setRef(isRef: boolean): void;
  /** After the shards have stopped; ends those that have not. */
  close(): Promise<void>;
}

interface ShardTask {
  readonly port: MessagePort;
  readonly init: ShardInit;
}

interface InlineTask {
  readonly port: Port<PostedCommand, ShardReport>;
  readonly init: ShardInit;
}

/** A worker thread with its one task. */
interface ShardThread {
  /** Resolves when the task is over and the thread gone, with the error that ended it or undefined. */
  readonly ended: Promise<unknown>;
  setRef(isRef: boolean): void;
  close(): Promise<void>;
}

/**
 * For the short-lived objects of a worker, of which node:http2 makes most: two halves of 2 MB. V8's default lets both grow to
 * 16 MB in each thread and keeps them; tens of thousands of grants took 35 MB more with it and were not faster.
 */
const YOUNG_GENERATION_MB = 6;

export function openShardPool(shards: number | 'inline'): ShardPool {
  return shards === 'inline' ? new InlinePool() : new ThreadPool();
}

/**
 * A piscina of one thread for each shard, made anew for each of its epochs: a thread that dies while it starts leaves its
 * task in piscina's queue, where the next thread, another shard's, would find it.
 */
class ThreadPool implements ShardPool {
  readonly #threads = new Set<ShardThread>();
  #isRef = true;

  start(init: ShardInit): ShardRun {
    const { port1, port2 } = new MessageChannel();
    const thread = startThread({ port: port2, init });
    this.#threads.add(thread);
    void thread.ended.then(() => this.#threads.delete(thread));
    if (!this.#isRef) thread.setRef(false);
    return { port: port1, ended: thread.ended.then(explained), discard: () => void thread.close() };
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    for (const thread of this.#threads) thread.setRef(isRef);
  }

  /** Ends what still runs: the shards were asked to stop before. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#threads, (thread) => thread.close()));
  }
}

function startThread(task: ShardTask): ShardThread {
  const file = threadFile('workers/shard.js');
  return file !== undefined && existsSync(new URL('../../package.json', file))
    ? new PiscinaThread(task, file)
    : new SourceThread(task, YOUNG_GENERATION_MB);
}

/** The usual one: a file, in a piscina of its own. */
class PiscinaThread implements ShardThread {
  readonly ended: Promise<unknown>;
  readonly #pool: piscina.Piscina<ShardTask, unknown>;
  #taskPort: Referable | undefined;
  #isRef = true;
  #closed: Promise<void> | undefined;

  constructor(task: ShardTask, file: URL) {
    // Not by an import: bundlers would take along what cannot run in a bundle.
    const { Piscina } = nodeModule.createRequire(file)('piscina') as typeof piscina;
    this.#pool = new Piscina<ShardTask, unknown>({
      filename: file.href,
      name: 'runShard',
      minThreads: 0, // piscina must not replace it: that is the link's decision
      maxThreads: 1,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      // With the default a thread that waits for its task sleeps in Atomics.wait: no timer and no socket of it runs.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.ended = this.#run(task).then(async (cause) => {
      await this.close();
      task.port.close(); // still here when the thread died before it was given its task
      return cause;
    });
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    if (isRef) this.#taskPort?.ref();
    else this.#taskPort?.unref();
  }

  /** Never piscina's `close()`, which waits for the task. */
  close(): Promise<void> {
    this.#closed ??= this.#pool.destroy();
    return this.#closed;
  }

  /** Resolves with why the task is over. */
  #run(task: ShardTask): Promise<unknown> {
    return new Promise((resolve) => {
      // A thread that fails while it starts is told here or not at all; its task is left in the queue.
      this.#pool.on('error', (error: unknown) => resolve(error ?? new Error('the worker could not start')));
      this.#pool.on('workerDestroy', () => {
        // The better reasons, of the task and of `error`, come in the same turn.
        setImmediate(() => resolve(new Error('the worker ended')));
      });
      this.#pool.on('workerCreate', (thread: object) => {
        this.#taskPort = taskPort(thread);
        // After the task was given to it, which makes the port keep the process alive.
        setImmediate(() => this.setRef(this.#isRef));
      });
      try {
        this.#pool.run(task, { transferList: [task.port] }).then(
          () => resolve(undefined),
          (error: unknown) => resolve(error ?? new Error('the worker ended')),
        );
      } catch (error) {
        // Not even a thread could be made. Piscina would end the task that it kept by a rejection that nobody can catch.
        this.#closed = Promise.resolve();
        resolve(error);
      }
    });
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_ACCESS_DENIED')) return error;
  const what =
    "Node's permission model refuses worker threads: start node with --allow-worker, or use shards: 'inline'";
  return new Error(what, { cause: error });
}

/** Piscina's record of a thread, as far as it is used. */
interface Referable {
  ref(): unknown;
  unref(): unknown;
}

/**
 * Piscina keeps the process alive through the port on which it waits for the task's result, and offers no way to change
 * that; its record of the thread, behind a symbol of the public handle, does. Where a later piscina has none, `unref()` has
 * no effect on threads.
 */
function taskPort(thread: object): Referable | undefined {
  for (const symbol of Object.getOwnPropertySymbols(thread)) {
    const record: unknown = Reflect.get(thread, symbol);
    if (typeof record === 'object' && record !== null && 'ref' in record && 'unref' in record) {
      if (typeof record.ref === 'function' && typeof record.unref === 'function') return record as Referable; // just checked
    }
  }
  return undefined;
}

class InlinePool implements ShardPool {
  readonly #running = new Set<Promise<unknown>>();

  start(init: ShardInit): ShardRun {
    const { main, shard } = openInlineChannel<PostedCommand, ShardReport>();
    const ended = this.#run({ port: shard, init }).finally(() => shard.close());
    this.#running.add(ended);
    void ended.then(() => this.#running.delete(ended));
    return { port: main, ended, discard: () => undefined };
  }

  setRef(): void {
    // The shard's sockets are its own; main's ends of the ports are the link's.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Resolves with the error, if there was one. */
  async #run(task: InlineTask): Promise<unknown> {
    try {
      const { runInline } = await import('../inline/run-inline.js');
      await runInline(task);
      return undefined;
    } catch (error) {
      return error ?? new Error('the shard ended');
    }
  }
}
