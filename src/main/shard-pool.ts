/**
 * Runs shards: each as one endless piscina task in a worker thread of its own, or inline on the calling thread. Main thread;
 * owns the threads. The only user of piscina, and the only place where main reaches the workers' code, by URL.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ShardInit } from '../wire/contract.js';

/** A shard that was started. */
export interface ShardRun {
  /** Main's end. */
  readonly port: MessagePort;
  /** Resolves when its task is over, with the error that ended it or undefined. Messages of it may still be in the port. */
  readonly ended: Promise<unknown>;
}

export interface ShardPool {
  start(init: ShardInit): ShardRun;
  /** Let the process end while shards run, or keep it alive. Inline shards keep it alive by their sockets in any case. */
  setRef(isRef: boolean): void;
  /** After the shards have stopped; ends those that have not. */
  close(): Promise<void>;
}

/** What the workers' entry exports. */
interface ShardModule {
  runShard(task: ShardTask): Promise<unknown>;
}

interface ShardTask {
  readonly port: MessagePort;
  readonly init: ShardInit;
}

const SHARD_URL = new URL('../workers/shard.js', import.meta.url);

export function openShardPool(shards: number | 'inline'): ShardPool {
  return shards === 'inline' ? new InlinePool() : new ThreadPool(shards);
}

class ThreadPool implements ShardPool {
  readonly #pool: Piscina<ShardTask, unknown>;
  readonly #threads = new Set<Referable>();
  #isRef = true;

  constructor(threads: number) {
    this.#pool = new Piscina<ShardTask, unknown>({
      filename: SHARD_URL.href,
      name: 'runShard',
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      // With the default a thread that waits for its task sleeps in Atomics.wait: no timer and no socket of it runs.
      atomics: 'disabled',
      recordTiming: false,
    });
    // Errors of a thread without a task (it failed to load); its next task fails by `ready` not coming.
    this.#pool.on('error', () => undefined);
    this.#pool.on('workerCreate', (thread: object) => {
      const port = taskPort(thread);
      if (port !== undefined) this.#threads.add(port);
    });
  }

  start(init: ShardInit): ShardRun {
    const { port1, port2 } = new MessageChannel();
    const task: ShardTask = { port: port2, init };
    const ended = this.#pool.run(task, { transferList: [port2] }).then(
      () => undefined,
      (error: unknown) => error ?? new Error('the worker ended'),
    );
    if (!this.#isRef) queueMicrotask(() => this.setRef(false)); // giving a task to a thread made it ref'd again
    return { port: port1, ended };
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    for (const port of this.#threads) {
      if (isRef) port.ref();
      else port.unref();
    }
  }

  /** Never piscina's `close()`, which waits for tasks: the shards were asked to stop, what still runs hangs. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
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
    const { port1, port2 } = new MessageChannel();
    const ended = this.#run({ port: port2, init }).finally(() => port2.close());
    this.#running.add(ended);
    void ended.then(() => this.#running.delete(ended));
    return { port: port1, ended };
  }

  setRef(): void {
    // The shard's sockets are its own; main's ends of the ports are the link's.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Resolves with the error, if there was one. */
  async #run(task: ShardTask): Promise<unknown> {
    try {
      const module = (await import(SHARD_URL.href)) as ShardModule; // reached by URL: main must not import workers
      await module.runShard(task);
      return undefined;
    } catch (error) {
      return error ?? new Error('the shard ended');
    }
  }
}
