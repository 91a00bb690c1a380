/** Blocks a worker thread for a moment. Never used on the main thread. */
import { isMainThread } from 'node:worker_threads';

const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps for `ms`, fractions counted; does nothing for 0 and less. `undefined` on the main thread, which must not block. */
export const threadSleep: ((ms: number) => void) | undefined = isMainThread
  ? undefined
  : (ms) => {
      if (ms > 0) Atomics.wait(never, 0, 0, ms);
    };
