/**
 * Where a command writes: results to stdout, lines for people to stderr. Nothing else in the command writes to the process's
 * streams, so that one place knows when one of them breaks: a reader that goes away (`| head`), a full disk.
 */
import type { Writable } from 'node:stream';

/** A stream of the process, or one that stands for it in a test. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** A terminal's columns and rows as they are at this moment; `columns` follows with the next turn only. */
  getWindowSize?(): [number, number];
};

/** Why nothing more can be written. */
export type OutputFailure =
  | { readonly kind: 'reader-gone' }
  | { readonly kind: 'output-failed'; readonly stream: 'stdout' | 'stderr'; readonly code: string };

export class Output {
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #stopped: AbortSignal;

  /**
   * @param onFailure called once for each stream that breaks.
   * @param stopped nobody waits for a slow reader once it fired.
   */
  constructor(
    stdout: OutputStream,
    stderr: OutputStream,
    stopped: AbortSignal,
    onFailure: (failure: OutputFailure) => void,
  ) {
    this.#stdout = new Sink(stdout, (error) => onFailure(failureOf(error, stdout, 'stdout')));
    this.#stderr = new Sink(stderr, (error) => onFailure(failureOf(error, stderr, 'stderr')));
    this.#stopped = stopped;
  }

  /** Writes to stdout; resolves when there is room for more, and never rejects. */
  async print(data: string | Uint8Array): Promise<void> {
    if (!this.#stdout.write(data)) await this.#stdout.idle(this.#stopped);
  }

  /** A line for people, beside the output proper. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Text for people as it stands, such as what moves the cursor of a terminal. */
  noteRaw(text: string): void {
    this.#stderr.write(text);
  }

  get isStdoutBroken(): boolean {
    return this.#stdout.isBroken;
  }

  get stdout(): Pick<OutputStream, 'isTTY' | 'columns' | 'rows' | 'getWindowSize' | 'on' | 'off'> {
    return this.#stdout.stream;
  }

  get stderr(): Pick<OutputStream, 'isTTY' | 'columns' | 'rows' | 'getWindowSize' | 'on' | 'off'> {
    return this.#stderr.stream;
  }

  /** Resolves when all that was written has left this process, or never will. */
  async settled(givenUp: AbortSignal): Promise<void> {
    await Promise.all([this.#stdout.idle(givenUp), this.#stderr.idle(givenUp)]);
  }
}

/** One stream and what is on its way through it. */
class Sink {
  readonly stream: OutputStream;
  readonly #onBroken: (error: NodeJS.ErrnoException) => void;
  readonly #waiting = new Set<() => void>();
  #underWay = 0;
  #isBroken = false;

  constructor(stream: OutputStream, onBroken: (error: NodeJS.ErrnoException) => void) {
    this.stream = stream;
    this.#onBroken = onBroken;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#break(error));
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** False when the writer should wait until it is idle. What comes after a failure is dropped. */
  write(data: string | Uint8Array): boolean {
    if (this.#isBroken) return true;
    this.#underWay += 1;
    try {
      return this.stream.write(data, (error) => {
        this.#underWay -= 1;
        if (error) this.#break(error);
        if (this.#underWay === 0) this.#wake();
      });
    } catch (error) {
      // A file's stream may throw where others call back.
      this.#underWay -= 1;
      this.#break(error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  }

  /** Resolves when nothing is under way, when the stream breaks, and when the signal fires. */
  async idle(givenUp: AbortSignal): Promise<void> {
    if (this.#underWay === 0 || this.#isBroken || givenUp.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        givenUp.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      givenUp.addEventListener('abort', done);
    });
  }

  #break(error: NodeJS.ErrnoException): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#wake();
    this.#onBroken(error);
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A reader that went away is no failure of the command, nor a terminal that hung up, which answers with EIO. */
function failureOf(error: NodeJS.ErrnoException, stream: OutputStream, name: 'stdout' | 'stderr'): OutputFailure {
  const code = error.code ?? error.message;
  const isGone = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code);
  if (isGone || (code === 'EIO' && stream.isTTY === true)) return { kind: 'reader-gone' };
  return { kind: 'output-failed', stream: name, code };
}
