/**
 * The life of one unary call across all its attempts: its time limit, the caller's signal, the client's close, and what is
 * known of the request's fate. Main thread. Knows nothing of endpoints or gRPC.
 */
import { optional, signalRule, timeoutRule, type OptionTable } from '../../wire/arguments.js';
import { EtcdError, type EtcdErrorInit, type Outcome } from '../../wire/errors.js';
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import { linkAbort } from '../abort-link.js';
import type { NoteAttempt } from './call-observer.js';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call at once with code `aborted`; the signal's reason is the cause. */
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole call with all its attempts, in milliseconds. Default: the engine's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export const CALL_RULES: OptionTable<CallOptions> = { signal: signalRule, timeoutMs: timeoutRule };

type Ending = 'timeout' | 'aborted' | 'closed';

export class CallScope {
  /** On the clock of `performanceNow()`. */
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  /** The request's fate so far; set by each attempt. */
  outcome: Outcome = 'not-sent';
  /** The member that an attempt is waiting for. */
  waitingFor: string | undefined;
  /** Why the last attempt failed, told if nothing better comes before the time is up. */
  lastFailure: EtcdError | undefined;
  /** Told of each attempt, where somebody observes the call. */
  onAttempt: NoteAttempt | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #open: Set<CallScope>;
  readonly #unlinkSignal: () => void;
  readonly #repeatable: boolean;
  #ending: Ending | undefined;
  #listener: (() => void) | undefined;

  /** @param open the calls of the client; the scope is in it until {@link dispose}. */
  constructor(
    options: CallOptions & { readonly repeatable?: boolean | undefined },
    defaultTimeoutMs: number,
    open: Set<CallScope>,
  ) {
    optional(timeoutRule)(options.timeoutMs, 'timeoutMs');
    optional(signalRule)(options.signal, 'signal');
    this.timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.#signal = options.signal;
    this.deadlineMs = performanceNow() + this.timeoutMs;
    this.#open = open;
    open.add(this);
    this.#timer = setTimeout(() => this.end('timeout'), this.timeoutMs);
    this.#repeatable = options.repeatable === true;
    const isAborted = this.#signal?.aborted === true;
    if (isAborted) this.#ending = 'aborted';
    this.#unlinkSignal = linkAbort(isAborted ? undefined : this.#signal, () => this.end('aborted'));
  }

  get remainingMs(): number {
    return Math.max(0, this.deadlineMs - performanceNow());
  }

  /** Whether it has ended, by its time limit, its signal or the client's close. */
  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  /** Ends the call from outside; only the first ending counts. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#listener?.();
  }

  /** Throws when the call has ended. */
  check(): void {
    if (this.#ending !== undefined) throw this.#error(this.#ending);
  }

  /**
   * Waits for one thing, or for the end of the call, whichever is first. One at a time.
   *
   * @param start begins it and returns how to stop it, which is called when the call ends first.
   */
  race<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ending !== undefined) {
        reject(this.#error(this.#ending));
        return;
      }
      const settle = (): boolean => {
        const isFirst = this.#listener === onEnd;
        if (isFirst) this.#listener = undefined;
        return isFirst;
      };
      const onEnd = (): void => {
        if (!settle()) return;
        reject(this.#error(this.#ending ?? 'closed'));
        stop();
      };
      this.#listener = onEnd;
      const stop = start(
        (value) => {
          if (settle()) resolve(value);
        },
        (error) => {
          if (settle()) reject(error);
        },
      );
    });
  }

  /** Waits so long, or until the call ends. */
  pause(delayMs: number): Promise<undefined> {
    return this.race<undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), delayMs);
      return () => clearTimeout(timer);
    });
  }

  /** To be called once, when the call is over. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#unlinkSignal();
    this.#open.delete(this);
  }

  #error(ending: Ending): EtcdError {
    const init: Omit<EtcdErrorInit, 'code'> = { outcome: this.outcome, endpoint: this.waitingFor };
    switch (ending) {
      case 'aborted':
        return new EtcdError("the call was aborted by the caller's signal", {
          ...init,
          code: 'aborted',
          cause: this.#signal?.reason,
        });
      case 'closed':
        return new EtcdError('the connection was closed while the call ran', { ...init, code: 'closed' });
      case 'timeout':
        return this.timeoutError();
      default:
        return ending satisfies never;
    }
  }

  /** What to tell when the time is up: an attempt that got no answer, or why no attempt got that far. */
  timeoutError(): EtcdError {
    const limit = `${String(this.timeoutMs)} ms (option timeoutMs)`;
    const failure = this.lastFailure;
    const init = { outcome: this.outcome, cause: failure };
    const retryable = this.#repeatable || this.outcome !== 'unknown';
    if (this.waitingFor !== undefined || failure === undefined) {
      const who = this.waitingFor ?? 'no member';
      const what = this.waitingFor === undefined ? 'could be reached' : 'gave no answer';
      const before = failure === undefined ? '' : `; before that: ${failure.message}`;
      return new EtcdError(`${who} ${what} within ${limit}${before}`, {
        ...init,
        retryable,
        code: 'timeout',
        endpoint: this.waitingFor,
      });
    }
    return new EtcdError(`no member served the call within ${limit}; the last one said: ${failure.message}`, {
      ...init,
      retryable: retryable && failure.retryable,
      code: failure.code,
      grpcStatus: failure.grpcStatus,
      endpoint: failure.endpoint,
    });
  }
}
