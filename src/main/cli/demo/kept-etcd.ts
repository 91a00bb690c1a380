/** The demo's own etcd as the demo sees it: an endpoint, and an end that leaves nothing behind. */
import { rmSync } from 'node:fs';
import { EtcdError } from '../../index.js';
import { HelperProcess } from './helper-process.js';
import type { FromKeeper, ToKeeper } from './messages.js';

const CLOSE_TIMEOUT_MS = 8_000;

export class KeptEtcd {
  readonly endpoint: string;
  readonly pid: number;
  readonly #keeper: HelperProcess<ToKeeper, FromKeeper>;

  private constructor(keeper: HelperProcess<ToKeeper, FromKeeper>, ready: Extract<FromKeeper, { kind: 'ready' }>) {
    this.#keeper = keeper;
    this.endpoint = ready.endpoint;
    this.pid = ready.pid;
    void keeper.exited.then(() => removeRests(ready.pid, ready.folder));
  }

  /**
   * Starts the binary and waits until it serves.
   *
   * @throws EtcdError `invalid-argument` when it does not, `aborted` when the signal fires first.
   */
  static async start(binary: string, signal: AbortSignal): Promise<KeptEtcd> {
    let onMessage: (message: FromKeeper) => void = () => undefined;
    const message = new Promise<FromKeeper>((resolve) => (onMessage = resolve));
    const keeper = new HelperProcess<ToKeeper, FromKeeper>('demo-etcd', (received) => onMessage(received));
    const aborted = new Promise<FromKeeper>((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'failed', message: 'interrupted' }), { once: true });
    });
    const gone = keeper.exited.then((how): FromKeeper => ({ kind: 'failed', message: how }));
    keeper.send({ kind: 'start', binary });
    const outcome = await Promise.race([message, aborted, gone]);
    if (outcome.kind === 'ready') return new KeptEtcd(keeper, outcome);
    await keeper.close(CLOSE_TIMEOUT_MS);
    throw new EtcdError(`${binary} could not be started: ${outcome.message}`, {
      code: signal.aborted ? 'aborted' : 'invalid-argument',
      outcome: 'not-sent',
    });
  }

  /** Stops it and removes its data. */
  async close(): Promise<void> {
    await this.#keeper.close(CLOSE_TIMEOUT_MS);
  }
}

/** For a keeper that was killed: a proper one has left neither. */
function removeRests(pid: number, folder: string): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already: the usual case.
  }
  rmSync(folder, { recursive: true, force: true });
}
