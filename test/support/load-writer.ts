/**
 * Loads etcd with writes, from this process ({@link putMany}) or from one of its own ({@link LoadWriter}), so that making the
 * load does not disturb the event loop under measurement.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { writeLoad, type LoadOptions, type LoadReport } from './load-workload.js';

export { writeLoad, type LoadOptions, type LoadReport } from './load-workload.js';

/** `count` puts from this process; gives the revisions made. */
export async function putMany(
  address: string,
  count: number,
  options: Omit<LoadOptions, 'address' | 'writes'> = {},
): Promise<{ readonly firstRevision: bigint; readonly lastRevision: bigint; readonly elapsedMs: number }> {
  const { firstRevision, lastRevision, elapsedMs } = await writeLoad({ ...options, address, writes: count });
  return { firstRevision: BigInt(firstRevision), lastRevision: BigInt(lastRevision), elapsedMs };
}

/** A load in a process of its own, running from the start on. */
export class LoadWriter {
  /** What it wrote, once it is done. Rejects when a write failed or the process ended early. */
  readonly report: Promise<LoadReport>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, report: Promise<LoadReport>) {
    this.#child = child;
    this.report = report;
  }

  static start(options: LoadOptions): LoadWriter {
    const child = fork(new URL('load-writer-process.js', import.meta.url), { execArgv: [], stdio: 'inherit' });
    const report = new Promise<LoadReport>((resolve, reject) => {
      child.once('message', (message) => {
        // load-writer-process.js sends exactly one of the two.
        const answer = message as { readonly report?: LoadReport; readonly error?: string };
        if (answer.report !== undefined) resolve(answer.report);
        else reject(new Error(`load writer: ${answer.error ?? 'no report'}`));
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`load writer ended early (${String(code ?? signal)})`));
      });
    });
    // Whoever awaits `report` sees the rejection; a test that only stops the writer need not.
    report.catch(() => undefined);
    child.send(options);
    return new LoadWriter(child, report);
  }

  /** Ends it at once; {@link report} rejects unless it was done. */
  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
