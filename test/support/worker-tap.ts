/**
 * Gets hold of the worker threads that the package starts, to end one as a crash would. Must be imported before the package:
 * it puts a recording class in the place of `Worker`.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { Worker, type WorkerOptions } from 'node:worker_threads';

const started: Worker[] = [];

class TappedWorker extends Worker {
  constructor(file: string | URL, options?: WorkerOptions) {
    super(file, options);
    started.push(this);
    this.once('exit', () => started.splice(started.indexOf(this), 1));
  }
}

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker }; // node's own module
threads.Worker = TappedWorker;
syncBuiltinESMExports();

/** The threads that run, oldest first. */
export function runningWorkers(): readonly Worker[] {
  return started;
}
