/** What ends a call of the lease service from outside: its time limit and its caller's signal. Main thread. */
import { EtcdError, type Outcome } from '../../wire/errors.js';
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import { linkAbort, refuseAborted } from '../abort-link.js';
import type { CallOptions } from '../unary/call-scope.js';

export class CallLimit {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #isDefault: boolean;
  readonly #endMs: number;

  /**
   * Begins now.
   *
   * @param timeoutMs checked, or `undefined` for `defaultMs`.
   * @throws EtcdError `invalid-argument` for what is no signal, `aborted` for one that has fired.
   */
  constructor({ signal, timeoutMs }: CallOptions, defaultMs: number) {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new EtcdError('signal must be an AbortSignal', { code: 'invalid-argument', outcome: 'not-sent' });
    refuseAborted(signal);
    this.signal = signal;
    this.#isDefault = timeoutMs === undefined;
    this.timeoutMs = timeoutMs ?? defaultMs;
    this.#endMs = performanceNow() + this.timeoutMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endMs - performanceNow());
  }

  /** For a unary call that is a part of this one. Where nothing was said of time, the engine's own limit holds for it. */
  callOptions(): CallOptions {
    return { signal: this.signal, timeoutMs: this.#isDefault ? undefined : Math.max(1, this.remainingMs) };
  }

  /** @throws EtcdError `timeout` when the time is up. */
  refuseLate(what: string): void {
    if (this.remainingMs === 0) throw this.#late(what + this.#within(), 'not-sent');
  }

  /**
   * The promise, or a rejection as soon as the time is up or the signal fires. What becomes of the promise is nobody's concern
   * then.
   *
   * @param meanwhile what goes on all the same, for the message.
   */
  async race<T>(promise: Promise<T>, what: string, meanwhile: string): Promise<T> {
    let unlink = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      const { signal } = this;
      unlink = linkAbort(signal, () => {
        const message = `the call was aborted by its signal${meanwhile}`;
        reject(new EtcdError(message, { code: 'aborted', outcome: 'unknown', cause: signal?.reason }));
      });
      timer = setTimeout(() => {
        reject(this.#late(what + this.#within() + meanwhile, 'unknown'));
      }, this.remainingMs);
    });
    try {
      return await Promise.race([promise, over]);
    } finally {
      unlink();
      clearTimeout(timer);
    }
  }

  #within(): string {
    return ` within ${String(this.timeoutMs)} ms (option timeoutMs)`;
  }

  #late(what: string, outcome: Outcome): EtcdError {
    return new EtcdError(`no answer to ${what}`, { code: 'timeout', outcome });
  }
}
