/**
 * The search for a usable member: tries them in turn, does not wait long for a silent one before it tries the next beside it,
 * pauses after a round in which all failed, and ends with the first that will do. Watch lanes, lease lanes and unary calls all
 * search this way; what makes a member usable, and what an attempt holds, is theirs. Owns its timer and the attempts in
 * flight; pure otherwise: time and randomness are passed in.
 */
import { backoffDelayMs, type BackoffPolicy } from '../wire/backoff.js';
import { toEtcdError, type EtcdError } from '../wire/errors.js';
import type { TimerHandle, Timers } from './timers.js';

/** One attempt to use a member. */
export interface MemberAttempt<Found> {
  /** Rejects with an `EtcdError` where the member will not do. */
  readonly found: Promise<Found>;
  /** Gives it up, also after it was found: another one was faster, or nobody wants it any more. */
  cancel(): void;
}

export interface MemberSearchInit<Found> {
  readonly timers: Timers;
  /** From 0 up to 1, for jitter. */
  readonly random: () => number;
  /** Places of the members to try, in order; asked for at the start of each round. Never empty. */
  readonly order: () => readonly number[];
  readonly attempt: (member: number) => MemberAttempt<Found>;
  /**
   * How long those that are being tried stay among themselves before this member joins them. Default {@link HEAD_START_MS}; one
   * with more than that does not come sooner because another one has failed.
   */
  readonly headStartMs?: ((member: number) => number) | undefined;
  /** Go through the order once only, for a member that would merely be better. */
  readonly isOnce?: boolean | undefined;
  /** Between rounds. Default: {@link ROUND_PAUSE}. */
  readonly pause?: BackoffPolicy | undefined;
  /** Rounds that failed before this search: it begins with the pause that follows them. */
  readonly failedRounds?: number | undefined;
  /** The search is over; what was found is the caller's. */
  readonly onFound: (found: Found, member: number) => void;
  /** A member will not do now. The search goes on, unless {@link MemberSearch.cancel} is called from here. */
  readonly onFailure: (member: number, error: EtcdError) => void;
  /** A search that was to go through the order once has done so. */
  readonly onExhausted?: (() => void) | undefined;
}

/** A silent member gets company after this long: what RFC 8305 recommends between attempts. */
export const HEAD_START_MS = 250;
const MAX_PARALLEL = 4;
/** Between rounds. Short at its longest: leases of a few seconds must survive a restart of their server. */
export const ROUND_PAUSE: BackoffPolicy = { initialMs: 50, maxMs: 1_000 };

type SearchState = { readonly at: 'searching'; readonly timer: TimerHandle | undefined } | { readonly at: 'over' };

export class MemberSearch<Found> {
  readonly #init: MemberSearchInit<Found>;
  /** By member: one at a time each. */
  readonly #attempts = new Map<number, MemberAttempt<Found>>();
  #state: SearchState = { at: 'searching', timer: undefined };
  /** What is left of this round. */
  #untried: number[];
  #failedRounds: number;
  #hasFailed = false;

  /** Begins at once; nothing is called back before this has returned. */
  constructor(init: MemberSearchInit<Found>) {
    this.#init = init;
    this.#failedRounds = init.failedRounds ?? 0;
    this.#untried = [...init.order()];
    if (this.#failedRounds === 0) this.#tryNext();
    else this.#after(this.#pauseMs(), () => this.#tryNext());
  }

  /** Rounds that have failed so far, those before this search included. */
  get failedRounds(): number {
    return this.#failedRounds;
  }

  /** A member was asked and would not do, and nobody is being asked now. */
  get isFruitless(): boolean {
    return this.#hasFailed && this.#attempts.size === 0;
  }

  /** Gives everything up. Nothing is called back afterwards. Idempotent. */
  cancel(): void {
    this.#finish(undefined);
  }

  #finish(kept: MemberAttempt<Found> | undefined): void {
    this.#clearTimer();
    this.#state = { at: 'over' };
    for (const attempt of this.#attempts.values()) if (attempt !== kept) attempt.cancel();
    this.#attempts.clear();
  }

  #clearTimer(): void {
    if (this.#state.at === 'searching') this.#init.timers.clear(this.#state.timer);
  }

  /** One timer at a time: the next attempt, or the next round. */
  #after(delayMs: number, next: () => void): void {
    this.#clearTimer();
    this.#state = { at: 'searching', timer: this.#init.timers.set(next, delayMs) };
  }

  #tryNext(): void {
    if (this.#state.at === 'over' || this.#attempts.size >= MAX_PARALLEL) return;
    const member = this.#untried.shift();
    if (member === undefined) return;
    const attempt = this.#init.attempt(member);
    this.#attempts.set(member, attempt);
    attempt.found.then(
      (found) => {
        if (this.#attempts.get(member) === attempt) this.#found(attempt, found, member);
      },
      (thrown: unknown) => {
        if (this.#attempts.get(member) === attempt)
          this.#failed(attempt, toEtcdError(thrown, 'connect-failed'), member);
      },
    );
    this.#after(this.#headStartMs(), () => this.#tryNext());
  }

  #found(attempt: MemberAttempt<Found>, found: Found, member: number): void {
    this.#finish(attempt);
    this.#init.onFound(found, member);
  }

  #failed(attempt: MemberAttempt<Found>, error: EtcdError, member: number): void {
    this.#attempts.delete(member);
    this.#hasFailed = true;
    attempt.cancel();
    this.#init.onFailure(member, error);
    if (this.#isOver()) return;
    if (this.#untried.length > 0) {
      if (this.#attempts.size === 0 || this.#headStartMs() <= HEAD_START_MS) this.#tryNext();
    } else if (this.#init.isOnce !== true) this.#after(this.#pauseMs(1), () => this.#nextRound());
    else if (this.#attempts.size === 0) {
      this.#finish(undefined);
      this.#init.onExhausted?.();
    }
  }

  /** Those that have not answered yet are left in peace: the others do not wait for them. */
  #nextRound(): void {
    this.#failedRounds += 1;
    this.#untried = this.#init.order().filter((member) => !this.#attempts.has(member));
    this.#tryNext();
  }

  /** Of the next one. */
  #headStartMs(): number {
    const [next] = this.#untried;
    return next === undefined ? HEAD_START_MS : (this.#init.headStartMs?.(next) ?? HEAD_START_MS);
  }

  /** Asked anew after a callback, which may have ended the search. */
  #isOver(): boolean {
    return this.#state.at === 'over';
  }

  #pauseMs(more: number = 0): number {
    return backoffDelayMs(this.#failedRounds + more, this.#init.pause ?? ROUND_PAUSE, this.#init.random);
  }
}
