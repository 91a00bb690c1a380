/** A child process of the bench with which one speaks in typed messages, one awaited at a time. Owns the process. */
import { fork, type ChildProcess } from 'node:child_process';

/** A child did not do its work: the run is void. */
export class RunError extends Error {
  override readonly name: string = 'RunError';
}

interface Message {
  readonly kind: string;
}

const EXIT_GRACE_MS = 5_000;

export class Child<Out extends Message, In extends Message> {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #queue: In[] = [];
  #failure: RunError | undefined;
  #wake: (() => void) | undefined;
  #leaving = false;

  constructor(name: string, script: URL, execArgv: readonly string[] = []) {
    this.#name = name;
    this.#process = fork(script, { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message) => {
      this.#queue.push(message as In); // the script is ours and typed with the same messages
      this.#wake?.();
    });
    this.#exited = new Promise((resolve) => {
      const done = (reason: string): void => {
        if (!this.#leaving) this.#failure ??= new RunError(`${this.#name} ended early (${reason})`);
        this.#wake?.();
        resolve();
      };
      this.#process.once('error', (error) => {
        done(error.message);
      });
      this.#process.once('exit', (code, signal) => {
        done(String(code ?? signal));
      });
    });
  }

  send(message: Out): void {
    if (this.#process.connected) this.#process.send(message);
  }

  /** The next message, which must be of this kind. Rejects when the child fails, ends or stays silent. */
  async next<Kind extends In['kind']>(kind: Kind, timeoutMs: number): Promise<Extract<In, { readonly kind: Kind }>> {
    const deadline = setTimeout(() => {
      this.#failure ??= new RunError(`${this.#name}: no '${kind}' within ${String(timeoutMs / 1_000)} s`);
      this.#wake?.();
    }, timeoutMs);
    try {
      while (this.#queue.length === 0 && this.#failure === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
    const message = this.#queue.shift();
    if (message === undefined) throw this.#failure ?? new RunError(`${this.#name}: no message`);
    if (message.kind !== kind) {
      const detail = 'message' in message ? String(message.message) : `'${message.kind}' instead of '${kind}'`;
      throw new RunError(`${this.#name}: ${detail}`);
    }
    return message as Extract<In, { readonly kind: Kind }>; // its kind was just compared
  }

  /** From now on its exit is no failure; kills it if it does not go by itself. */
  async leave(): Promise<void> {
    this.#leaving = true;
    const forced = setTimeout(() => this.#process.kill('SIGKILL'), EXIT_GRACE_MS);
    await this.#exited;
    clearTimeout(forced);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#leaving = true;
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
