/** How busy this process's main thread is: CPU time from the kernel where it tells, else the event loop's active time. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export class MainThreadBusy {
  #busyMs: number;
  #atMs: number;

  constructor() {
    this.#busyMs = busyMs();
    this.#atMs = performance.now();
  }

  /** The share of one core since the last call, 0 to 1. */
  take(): number {
    const busy = busyMs();
    const now = performance.now();
    const share = (busy - this.#busyMs) / Math.max(1, now - this.#atMs);
    this.#busyMs = busy;
    this.#atMs = now;
    return Math.min(1, Math.max(0, share));
  }
}

function busyMs(): number {
  try {
    // The main thread's id is the process's; the first figure is nanoseconds on a CPU.
    const text = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8');
    return Number(text.split(' ')[0]) / 1e6;
  } catch {
    return performance.eventLoopUtilization().active;
  }
}
