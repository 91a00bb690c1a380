/**
 * What one run of one client yields: CPU of its process, busy time of its main thread, wall time. Runs in the client's process.
 * CPU is `process.cpuUsage`, user and system, of all threads. A thread's own time exists only in Linux's schedstat.
 */
import { readFileSync } from 'node:fs';

/** The consumption between two moments. */
export interface Figures {
  readonly cpuMs: number;
  /** Time that the main thread was on a core; undefined where the system does not tell. */
  readonly mainMs: number | undefined;
  readonly wallMs: number;
  /** CLOCK_MONOTONIC of the second moment: comparable between processes of one machine. */
  readonly endNs: string;
}

/** Nanoseconds on a core of the main thread, whose id is the process id. */
function mainThreadNs(): number | undefined {
  try {
    return Number(readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return undefined;
  }
}

/** Measures from its making on. */
export class Meter {
  readonly #startedNs = process.hrtime.bigint();
  readonly #mainNs = mainThreadNs();
  readonly #cpu = process.cpuUsage();

  read(): Figures {
    const endNs = process.hrtime.bigint();
    const cpu = process.cpuUsage(this.#cpu);
    const mainNs = mainThreadNs();
    return {
      cpuMs: (cpu.user + cpu.system) / 1_000,
      mainMs: this.#mainNs === undefined || mainNs === undefined ? undefined : (mainNs - this.#mainNs) / 1e6,
      wallMs: Number(endNs - this.#startedNs) / 1e6,
      endNs: String(endNs),
    };
  }
}

/** The largest resident size that this process had so far. */
export function peakRssMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}

export function rssMiB(): number {
  return process.memoryUsage.rss() / 1024 / 1024;
}
