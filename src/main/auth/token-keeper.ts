/**
 * The token of an engine: got by a login when it is first needed, got anew when a server refuses it, and told to every shard.
 * Main thread. However many calls and shards want another one, there is one login at a time.
 */
import { TokenCell, type LoginRequest } from '../../member/token-cell.js';
import { NO_TOKENS, type TokenSource } from '../../member/token-source.js';
import type { Metadata } from '../../grpc/grpc-connection.js';
import type { ShardCommand } from '../../wire/contract.js';
import { EtcdError, errorToPlain, toEtcdError } from '../../wire/errors.js';
import type { HeldToken, Login, ShardAuth } from '../../wire/shard-auth.js';
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import type { Timers } from '../../member/timers.js';
import { checkGiven, sameAuth, type AuthFunction, type ResolvedAuth } from './auth-options.js';

export interface TokenKeeperOptions {
  readonly auth: ResolvedAuth | undefined;
  /** Asks the cluster for a token; `unneeded` where it has no authentication. */
  readonly authenticate: (login: Login) => Promise<HeldToken>;
  /** What shards should know has changed. */
  readonly tell: (auth: ShardAuth | undefined) => void;
  /** For tests. */
  readonly timers?: Timers | undefined;
  readonly now?: (() => number) | undefined;
  readonly random?: (() => number) | undefined;
}

const TIMERS: Timers = {
  set: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clear: (timer) => clearTimeout(timer), // those of `set`
};

const NONE: HeldToken = { kind: 'none' };

export class TokenKeeper implements TokenSource {
  readonly #options: TokenKeeperOptions;
  readonly #cell: TokenCell;
  #auth: ResolvedAuth | undefined;
  #identity = 0;
  /** What the application's function gave last, and what became of it. */
  #given: Exclude<ResolvedAuth, { readonly kind: 'function' }> | undefined;
  #refusal: EtcdError | undefined;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
    this.#auth = options.auth;
    this.#cell = new TokenCell({
      held: NONE,
      login: (request) => this.#login(request),
      onRenewed: () => this.#tell(),
      timers: options.timers ?? TIMERS,
      now: options.now ?? performanceNow,
      random: options.random ?? Math.random,
    });
  }

  get isUsed(): boolean {
    return this.#auth !== undefined;
  }

  get held(): HeldToken {
    return this.#cell.held;
  }

  /** What shards are told. */
  get shardAuth(): ShardAuth | undefined {
    if (this.#auth === undefined) return undefined;
    const login = this.#auth.kind === 'login' ? this.#auth.login : undefined;
    return { identity: this.#identity, login, held: this.held };
  }

  headers(): Metadata {
    return this.isUsed ? this.#cell.headers() : NO_TOKENS.headers();
  }

  ready(): Promise<void> {
    return this.isUsed ? this.#cell.ready() : NO_TOKENS.ready();
  }

  refused(headers: Metadata): Promise<void> {
    return this.isUsed ? this.#cell.refused(headers) : NO_TOKENS.refused(headers);
  }

  /** A shard has been refused this token, and wants another. */
  wanted(refused: string | undefined, answer: (command: ShardCommand) => void): void {
    const headers = this.headers();
    if (!this.isUsed || (this.held.kind !== 'none' && headers['token'] !== refused)) {
      answer({ kind: 'token', auth: this.shardAuth });
      return;
    }
    answer({ kind: 'token-coming' });
    this.refused(headers).then(
      () => answer({ kind: 'token', auth: this.shardAuth }),
      (error: unknown) => answer({ kind: 'token-failed', error: errorToPlain(toEtcdError(error)) }),
    );
  }

  /** A shard has logged in by itself, because main did not answer in time. */
  found(identity: number, refused: string | undefined, held: HeldToken): void {
    if (!this.isUsed || identity !== this.#identity || this.headers()['token'] !== refused) return;
    this.#cell.adopt(held);
    this.#tell();
  }

  /** The same user has another password; what was got with the old one is used as long as servers take it. */
  passwordChanged(auth: ResolvedAuth): void {
    this.#auth = auth;
    this.#cell.replaced(this.held);
    this.#tell();
  }

  /** Somebody else from now on, whose token may be known already. */
  replace(auth: ResolvedAuth | undefined, held: HeldToken): void {
    this.#auth = auth;
    this.#identity += 1;
    this.#given = undefined;
    this.#refusal = undefined;
    this.#cell.replaced(auth === undefined ? NONE : held);
    this.#tell();
  }

  #tell(): void {
    this.#options.tell(this.shardAuth);
  }

  async #login({ refused, isRetry }: LoginRequest): Promise<HeldToken> {
    const auth = this.#auth;
    switch (auth?.kind) {
      case undefined:
        return NONE;
      case 'login':
        return this.#options.authenticate(auth.login);
      case 'token':
        if (refused.kind === 'token' && !isRetry) throw refusedToken();
        return auth;
      case 'function':
        return this.#loginWith(auth, refused);
      default:
        return auth satisfies never;
    }
  }

  /** Asks the function where it has not given anything yet, or what it gave was refused; twice at most. */
  async #loginWith(auth: Extract<ResolvedAuth, { readonly kind: 'function' }>, refused: HeldToken): Promise<HeldToken> {
    if (refused.kind === 'token' && this.#given?.kind === 'token') this.#refusal = refusedToken();
    for (let asked = 0; ; asked += 1) {
      let given = this.#given;
      if (given === undefined || this.#refusal !== undefined) {
        const refusal = this.#refusal;
        const before = given;
        given = await askFor(auth.ask, refusal);
        if (this.#auth !== auth) return NONE; // somebody else from now on
        if (refusal !== undefined && before !== undefined && sameAuth(before, given)) throw refusal;
        this.#given = given;
        this.#refusal = undefined;
      }
      if (given.kind === 'token') return given;
      try {
        return await this.#options.authenticate(given.login);
      } catch (thrown) {
        const error = toEtcdError(thrown);
        if (error.code === 'unauthenticated' && this.#auth === auth) this.#refusal = error;
        if (error.code !== 'unauthenticated' || asked > 0) throw error;
      }
    }
  }
}

async function askFor(
  ask: AuthFunction,
  refusal: EtcdError | undefined,
): Promise<Exclude<ResolvedAuth, { readonly kind: 'function' }>> {
  let given: unknown;
  try {
    given = await ask(refusal);
  } catch (cause) {
    // What it threw may hold the password: the cause is for the application, its text is not repeated.
    throw new EtcdError('the function given as auth failed; see cause', {
      code: 'callback-failed',
      outcome: 'not-sent',
      cause,
    });
  }
  return checkGiven(given);
}

function refusedToken(): EtcdError {
  return new EtcdError('the token that was given as auth was refused, and there is no other; give another one', {
    code: 'unauthenticated',
    outcome: 'refused',
  });
}
