/**
 * The thread of a shard in a bundle. Piscina loads files of its own package and the shard's file, and a bundle has neither, so
 * the thread is started from its source, which is part of the bundle. Main thread.
 */
import { Worker, type MessagePort } from 'node:worker_threads';
import type { ShardInit } from '../wire/contract.js';

interface SourceTask {
  readonly port: MessagePort;
  readonly init: ShardInit;
}

type State =
  | { readonly kind: 'loading' }
  | { readonly kind: 'running'; readonly worker: Worker }
  | { readonly kind: 'closed'; readonly done: Promise<void> };

/** One worker thread with its one task. */
export class SourceThread {
  /** Resolves when the task is over and the thread gone, with the error that ended it or undefined. */
  readonly ended: Promise<unknown>;
  #state: State = { kind: 'loading' };
  #isRef = true;

  constructor(task: SourceTask, maxYoungGenerationSizeMb: number) {
    this.ended = this.#run(task, maxYoungGenerationSizeMb)
      .catch((error: unknown) => error ?? new Error('the worker could not start'))
      .then(async (cause) => {
        await this.close();
        task.port.close(); // still here when no thread was made
        return cause;
      });
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    if (this.#state.kind !== 'running') return;
    if (isRef) this.#state.worker.ref();
    else this.#state.worker.unref();
  }

  /** Ends the thread without asking. */
  close(): Promise<void> {
    if (this.#state.kind === 'closed') return this.#state.done;
    const done =
      this.#state.kind === 'running' ? this.#state.worker.terminate().then(() => undefined) : Promise.resolve();
    this.#state = { kind: 'closed', done };
    return done;
  }

  /** Resolves with why the task is over. */
  async #run(task: SourceTask, maxYoungGenerationSizeMb: number): Promise<unknown> {
    const { source } = await import('../generated/shard-source.js');
    if (this.#state.kind === 'closed') return new Error('the worker ended');
    const worker = new Worker(source, {
      eval: true,
      name: 'etcd-vigil-shard',
      // Flags of the process are not for this text: `--input-type=module` would take it for another kind of module.
      execArgv: [],
      workerData: task,
      transferList: [task.port],
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#state = { kind: 'running', worker };
    this.setRef(this.#isRef);
    return new Promise((resolve) => {
      worker.once('message', () => resolve(undefined));
      worker.once('error', resolve);
      worker.once('exit', () => resolve(new Error('the worker ended'))); // after `error`, if there was one
    });
  }
}
