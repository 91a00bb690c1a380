/**
 * Keeps attempts apart that come to nothing, however many ask for one: after a failure there is none for a while, which grows
 * with each in a row. Pure: clock and randomness are passed in.
 */
import { backoffDelayMs } from '../wire/backoff.js';
import type { EtcdError } from '../wire/errors.js';
import { ROUND_PAUSE } from './member-search.js';

export class AttemptPause {
  readonly #now: () => number;
  readonly #random: () => number;
  #failures = 0;
  #last: { readonly error: EtcdError; readonly untilMs: number } | undefined;

  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#random = random;
  }

  /** Why the last attempt failed, during the pause after it; then, and after one that did not fail, `undefined`. */
  get failure(): EtcdError | undefined {
    return this.#last !== undefined && this.#now() < this.#last.untilMs ? this.#last.error : undefined;
  }

  failed(error: EtcdError): void {
    this.#failures += 1;
    this.#last = { error, untilMs: this.#now() + backoffDelayMs(this.#failures, ROUND_PAUSE, this.#random) };
  }

  /** An attempt has come to what it was for: the next one is made at once. */
  passed(): void {
    this.#failures = 0;
    this.#last = undefined;
  }
}
