/** Gets hold of the worker threads that an engine starts, to kill them. Tests only. */
import type { Worker } from 'node:worker_threads';

export class WorkerThreads {
  readonly #workers: Worker[] = [];
  readonly #add = (worker: Worker): void => {
    this.#workers.push(worker);
    worker.once('exit', () => this.#workers.splice(this.#workers.indexOf(worker), 1));
  };

  /** Sees the threads that are started from now on. */
  constructor() {
    process.on('worker', this.#add);
  }

  get alive(): number {
    return this.#workers.length;
  }

  /** Kills one as a crash would: nothing of it runs any more. */
  async kill(index: number = 0): Promise<void> {
    const worker = this.#workers[index];
    if (worker === undefined) throw new Error('there is no worker to kill');
    await worker.terminate();
  }

  close(): void {
    process.off('worker', this.#add);
  }
}
