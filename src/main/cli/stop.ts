/**
 * The one way a command is stopped: by a signal, by output that cannot be written, by a defect. The first stop asks the command
 * to end in order; a second signal asks it to do no more than remove what it made, for a limited time; a third ends it at once.
 */
import { EtcdError } from '../../wire/errors.js';
import { exitCode } from './exit-code.js';
import type { OutputFailure } from './output.js';

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

export type StopReason =
  | { readonly kind: 'signal'; readonly name: StopSignal }
  | OutputFailure
  /** Something threw where nobody waited for it. */
  | { readonly kind: 'defect'; readonly error: unknown };

const SIGNAL_CODES: Readonly<Record<StopSignal, number>> = {
  SIGINT: exitCode.interrupted,
  SIGTERM: exitCode.terminated,
  SIGHUP: exitCode.hungUp,
};
/** For removing what was made, after a second signal. */
const HURRY_LIMIT_MS = 3_000;

export class Stop {
  readonly #stop = new AbortController();
  readonly #hurry = new AbortController();
  readonly #leave: (code: number, left: readonly string[]) => void;
  readonly #owned = new Set<{ readonly what: string }>();
  #reason: StopReason | undefined;
  #outlivesReaders = false;
  #signals = 0;
  #limit: NodeJS.Timeout | undefined;

  /** @param leave ends the process at once; `left` says what is left behind, a line each. */
  constructor(leave: (code: number, left: readonly string[]) => void) {
    this.#leave = leave;
  }

  /** Fires at the first reason to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Fires at the second signal: wait for nothing any more, and remove what was made. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** A signal, where one came; else what came first. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  request(reason: StopReason): void {
    if (reason.kind === 'reader-gone' && this.#outlivesReaders) return;
    const isSignal = reason.kind === 'signal';
    if (this.#reason === undefined || (isSignal && this.#reason.kind !== 'signal')) this.#reason = reason;
    this.#stop.abort();
    if (!isSignal) return;
    this.#signals += 1;
    if (this.#signals === 1) return;
    if (this.#signals > 2 || this.#owned.size === 0) {
      this.#leaveNow();
      return;
    }
    this.#hurry.abort();
    this.#limit = setTimeout(() => this.#leaveNow(), HURRY_LIMIT_MS);
  }

  /** For a command whose output is not what it is run for: that nobody reads it is no reason to stop. */
  outliveReaders(): void {
    this.#outlivesReaders = true;
  }

  /** The exit code of a command that ended because it was stopped. */
  exitCode(): number {
    const reason = this.#reason;
    switch (reason?.kind) {
      case 'signal':
        return SIGNAL_CODES[reason.name];
      case 'output-failed':
      case 'defect':
        return exitCode.failed;
      case 'reader-gone':
      case undefined:
        return exitCode.ok;
    }
  }

  /**
   * Says that the command made something that it has to remove.
   *
   * @param what told where the process has to end before that: what is left, and how to remove it.
   * @returns to be called when it is removed.
   */
  own(what: string): () => void {
    const entry = { what };
    this.#owned.add(entry);
    return () => void this.#owned.delete(entry);
  }

  /** The command is over. */
  close(): void {
    clearTimeout(this.#limit);
  }

  #leaveNow(): void {
    this.close();
    this.#leave(
      this.exitCode(),
      Array.from(this.#owned, ({ what }) => what),
    );
  }
}

/** The promise, or a rejection with `aborted` as soon as the signal fires. What the promise gives then is not used. */
export async function unlessStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let giveUp: () => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    giveUp = () => reject(new EtcdError('stopped', { code: 'aborted' }));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
  // Whichever loses the race may still be rejected.
  promise.catch(() => undefined);
  try {
    return await Promise.race([stopped, promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Whether this is how a call ends whose signal fired. */
export function isAbort(error: unknown): boolean {
  return error instanceof EtcdError ? error.code === 'aborted' : error instanceof Error && error.name === 'AbortError';
}
