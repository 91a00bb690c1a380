/**
 * When a failure that may be final is taken for final: it has come again and again for a while, with nothing else between. A
 * proxy that is reloaded answers 404 to everything for two seconds; a count alone would end every watch by then. Pure: the
 * clock is passed in.
 */
import type { EtcdError } from '../wire/errors.js';
import { mayPass } from './failure.js';

/** At least so long… */
const LEAST_MS = 10_000;
/** …and at least so often: one failure before and one after a long pause prove nothing. */
const LEAST_COUNT = 5;

export class Persistence {
  readonly #now: () => number;
  #count = 0;
  #sinceMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Something worked: what failed before has passed. */
  passed(): void {
    this.#count = 0;
  }

  /** Takes note of a failure. True once it has lasted; the count then begins anew. */
  lasts(error: EtcdError): boolean {
    if (mayPass(error)) {
      this.#count = 0;
      return false;
    }
    const nowMs = this.#now();
    if (this.#count === 0) this.#sinceMs = nowMs;
    this.#count += 1;
    if (this.#count < LEAST_COUNT || nowMs - this.#sinceMs < LEAST_MS) return false;
    this.#count = 0;
    return true;
  }
}
