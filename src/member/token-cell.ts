/**
 * The one token of a thread: who holds it, who waits for another, and when another may be asked for. One login at a time, shared
 * by all who wait for it: bcrypt costs the server 50 to 100 ms each. Pure but for the timers and the login it is given.
 *
 * A login that is refused is not tried again before its back-off is over, or there is something else to log in with: meanwhile
 * whoever asks is told why at once. So is the server spared where each of its tokens is refused as soon as it was given.
 */
import type { GrpcConnection, Metadata } from '../grpc/grpc-connection.js';
import { backoffDelayMs } from '../wire/backoff.js';
import { type EtcdError, toEtcdError } from '../wire/errors.js';
import type { HeldToken } from '../wire/shard-auth.js';
import type { Timers } from './timers.js';
import type { TokenSource } from './token-source.js';

/** Between logins that are refused. */
const DENIED_BACKOFF = { initialMs: 1_000, maxMs: 60_000 } as const;
/** Between logins whose tokens do not last; the first of them is not held up, since roles may just have changed. */
const QUICK_BACKOFF = { initialMs: 50, maxMs: 1_000 } as const;
/** A token that lasted so long proves that getting another is worth it. */
const LASTED_MS = 1_000;

/** What was refused, for a login that depends on it. */
export interface LoginRequest {
  /** What calls carried; `none` at first. */
  readonly refused: HeldToken;
  /** The last login was refused, and its back-off is over. */
  readonly isRetry: boolean;
  readonly via: GrpcConnection | undefined;
}

export interface TokenCellOptions {
  readonly held: HeldToken;
  /** Gets another token. Rejects with `unauthenticated` where what there is to log in with is not accepted. */
  readonly login: (request: LoginRequest) => Promise<HeldToken>;
  /** Calls carry something else from now on, got by a login of this cell. */
  readonly onRenewed: (held: HeldToken) => void;
  readonly timers: Timers;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly random: () => number;
}

const DONE = Promise.resolve();

export class TokenCell implements TokenSource {
  readonly isUsed = true;
  readonly #options: TokenCellOptions;
  #held: HeldToken;
  #headers: Metadata;
  #heldSinceMs = -Infinity;
  /** Tokens in a row that did not last. */
  #quick = 0;
  #running: Promise<void> | undefined;
  #denied: { readonly error: EtcdError; readonly untilMs: number } | undefined;
  #denials = 0;
  /** Counts what there was to log in with: a login with something older means nothing. */
  #generation = 0;

  constructor(options: TokenCellOptions) {
    this.#options = options;
    this.#held = options.held;
    this.#headers = headersOf(options.held);
  }

  get held(): HeldToken {
    return this.#held;
  }

  headers(): Metadata {
    return this.#headers;
  }

  ready(via?: GrpcConnection): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    return this.#denied === undefined && this.#held.kind !== 'none' ? DONE : this.#renew(via);
  }

  refused(headers: Metadata, via?: GrpcConnection): Promise<void> {
    return headers['token'] === this.#headers['token'] ? this.#renew(via) : this.ready(via);
  }

  /** Calls carry this from now on; somebody else has got it. */
  adopt(held: HeldToken): void {
    this.#held = held;
    this.#headers = headersOf(held);
    this.#heldSinceMs = this.#options.now();
    this.#denied = undefined;
    this.#denials = 0;
  }

  /** There is something else to log in with, whose token, where it has one already, is this. */
  replaced(held: HeldToken): void {
    this.#generation += 1;
    this.#quick = 0;
    this.adopt(held);
  }

  #renew(via: GrpcConnection | undefined): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    const { now } = this.#options;
    if (this.#denied !== undefined && now() < this.#denied.untilMs) return Promise.reject(this.#denied.error);
    this.#running = this.#login(via).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #login(via: GrpcConnection | undefined): Promise<void> {
    const { login, now, onRenewed, random } = this.#options;
    for (;;) {
      const refused = this.#held;
      await this.#pause();
      // Somebody else has got another meanwhile.
      if (this.#held !== refused && this.#held.kind !== 'none') return;
      const generation = this.#generation;
      const isCurrent = (): boolean => generation === this.#generation;
      try {
        const held = await login({ refused, isRetry: this.#denied !== undefined, via });
        if (isCurrent()) {
          this.adopt(held);
          onRenewed(held);
          return;
        }
      } catch (thrown) {
        const error = toEtcdError(thrown, 'unavailable');
        // Somebody else has got another meanwhile, which says more than this failure.
        if (this.#held !== refused && this.#held.kind !== 'none') return;
        if (isCurrent()) {
          if (error.code !== 'unauthenticated') throw error;
          this.#denials += 1;
          this.#denied = { error, untilMs: now() + backoffDelayMs(this.#denials, DENIED_BACKOFF, random) };
          throw error;
        }
      }
      // Meanwhile there was something else to log in with, perhaps with a token of its own.
      if (this.#held !== refused && this.#held.kind !== 'none') return;
    }
  }

  /** Tokens that do not last are not asked for in a loop. */
  async #pause(): Promise<void> {
    const { now, random, timers } = this.#options;
    const isQuick = this.#held.kind === 'token' && now() - this.#heldSinceMs < LASTED_MS;
    this.#quick = isQuick ? this.#quick + 1 : 0;
    if (this.#quick < 2) return;
    const delayMs = backoffDelayMs(this.#quick - 1, QUICK_BACKOFF, random);
    await new Promise<void>((resolve) => {
      timers.set(resolve, delayMs);
    });
  }
}

function headersOf(held: HeldToken): Metadata {
  return held.kind === 'token' ? { token: held.token } : {};
}
