/**
 * A process of this same command that works for the demo, started by a hidden subcommand. It ends when its channel does, so
 * it never outlives the demo; Ctrl-C does not reach it, since the demo decides about the order.
 */
import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Of what it said last. */
const LONGEST_TEXT = 2_000;

export class HelperProcess<Outgoing extends Serializable, Incoming> {
  readonly #child: ChildProcess;
  /** Resolves when the process is gone, with how it ended. Never rejects. */
  readonly exited: Promise<string>;

  /** @param name the hidden subcommand. */
  constructor(name: 'demo-writer', onMessage: (message: Incoming) => void) {
    this.#child = fork(fileURLToPath(new URL('../vigil.js', import.meta.url)), [name], {
      detached: true,
      execArgv: [],
      // Advanced: typed arrays stay typed arrays.
      serialization: 'advanced',
      // What it may say on stderr must not get among the lines of the demo.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-LONGEST_TEXT)));
    // Only this package's code is on the other side.
    this.#child.on('message', (message) => onMessage(message as Incoming));
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        const how = `${name} ended (${signal ?? `exit code ${String(code)}`})`;
        // In the next turn what it said last has been read, too.
        setImmediate(() => {
          const last = said.trim().split('\n').at(-1) ?? '';
          resolve(last === '' ? how : `${how}: ${last}`);
        });
      });
      this.#child.once('error', (error) => resolve(`${name} cannot be started: ${error.message}`));
    });
  }

  send(message: Outgoing): void {
    // A failure means that it is gone, which `exited` tells.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Asks it to end, waits, and ends it by force when it does not. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const forced = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await this.exited;
    clearTimeout(forced);
  }
}
