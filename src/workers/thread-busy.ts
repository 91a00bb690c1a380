/**
 * CPU time of the calling thread. Node 20 has no call for it; Linux tells it under /proc/thread-self, which a synchronous
 * read resolves on the calling thread itself. Elsewhere the event loop's active time stands in, which counts time during
 * which the thread was ready but not running as busy.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** CPU time in ms since the thread started. */
export function threadBusyMs(): number {
  try {
    const [nanoseconds] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    return performance.eventLoopUtilization().active;
  }
}
