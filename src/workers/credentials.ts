/**
 * The token of a shard's calls. Another one is main's to get, so that an engine logs in once and not once for each shard; where main
 * does not answer, because it is blocked, the shard logs in by itself over its own connection and tells main. So does a blocked
 * main thread with an expired token lose nothing. What only main can get (tokens of the application's function) is waited for.
 */
import type { GrpcConnection, Metadata } from '../grpc/grpc-connection.js';
import { AUTHENTICATE_PATH, decodeAuthenticate, encodeAuthenticate, loginFailure } from '../member/authenticate.js';
import { TokenCell, type LoginRequest } from '../member/token-cell.js';
import { NO_TOKENS, type TokenSource } from '../member/token-source.js';
import type { TimerHandle, Timers } from '../member/timers.js';
import type { ShardCommand, ShardReport } from '../wire/contract.js';
import { EtcdError, errorFromPlain, toEtcdError } from '../wire/errors.js';
import type { HeldToken, Login, ShardAuth } from '../wire/shard-auth.js';

/** A main thread that has not answered by then is taken for blocked… */
const PATIENCE_MS = 500;
/** …and one that has said it is at it by then: a login takes a loaded server a while. */
const COMING_PATIENCE_MS = 1_500;
/** For shards that can only wait for main. */
const MAIN_LIMIT_MS = 10_000;
const AUTHENTICATE_TIMEOUT_MS = 5_000;

/** What calls need to know of credentials. */
export interface Credentials {
  /** Whether there is anything to log in with: otherwise a refusal for want of a token stays one. */
  readonly isUsed: boolean;
  /** Headers of the next call. */
  metadata(): Metadata;
  /** Gets a token if there is none, or another one if `stale` is still the current one. Rejects when the server refuses. */
  renew(connection: GrpcConnection, stale?: Metadata): Promise<void>;
}

/** For clusters without authentication. */
export const NO_CREDENTIALS: Credentials = {
  isUsed: false,
  metadata: () => NO_TOKENS.headers(),
  renew: () => Promise.resolve(),
};

export interface ShardTokensOptions {
  readonly auth: ShardAuth | undefined;
  readonly report: (report: ShardReport) => void;
  readonly timers: Timers;
  readonly now: () => number;
  readonly random: () => number;
}

type TokenCommand = Extract<ShardCommand, { readonly kind: 'token' | 'token-coming' | 'token-failed' }>;

/** A login that waits for main, or runs over a connection of the shard. */
interface Pending {
  readonly request: LoginRequest;
  readonly resolve: (held: HeldToken) => void;
  readonly reject: (error: EtcdError) => void;
  timer: TimerHandle | undefined;
  isOwn: boolean;
}

export class ShardTokens implements TokenSource, Credentials {
  readonly #options: ShardTokensOptions;
  readonly #cell: TokenCell;
  #auth: ShardAuth | undefined;
  #pending: Pending | undefined;
  #isClosed = false;

  constructor(options: ShardTokensOptions) {
    this.#options = options;
    this.#auth = options.auth;
    const { timers, now, random } = options;
    this.#cell = new TokenCell({
      held: options.auth?.held ?? { kind: 'none' },
      login: (request) => this.#login(request),
      onRenewed: () => undefined,
      timers,
      now,
      random,
    });
  }

  get isUsed(): boolean {
    return this.#auth !== undefined;
  }

  headers(): Metadata {
    return this.isUsed ? this.#cell.headers() : NO_TOKENS.headers();
  }

  metadata(): Metadata {
    return this.headers();
  }

  ready(via?: GrpcConnection): Promise<void> {
    return this.isUsed ? this.#cell.ready(via) : NO_TOKENS.ready();
  }

  refused(headers: Metadata, via?: GrpcConnection): Promise<void> {
    return this.isUsed ? this.#cell.refused(headers, via) : NO_TOKENS.refused(headers);
  }

  renew(connection: GrpcConnection, stale?: Metadata): Promise<void> {
    return stale === undefined ? this.ready(connection) : this.refused(stale, connection);
  }

  /** Takes what main tells. True where the engine is somebody else from now on: what was opened before is to be left. */
  handle(command: TokenCommand): boolean {
    switch (command.kind) {
      case 'token':
        return this.#told(command.auth);
      case 'token-coming':
        this.#wait(COMING_PATIENCE_MS);
        return false;
      case 'token-failed': {
        const error = errorFromPlain(command.error);
        // Where main reaches nobody, this shard may.
        if (error.code === 'unauthenticated' || this.#auth?.login === undefined)
          this.#settle((one) => one.reject(error));
        else this.#loginHere();
        return false;
      }
      default:
        return command satisfies never;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#settle((pending) => {
      pending.reject(shardClosed());
    });
  }

  #told(auth: ShardAuth | undefined): boolean {
    const before = this.#auth;
    this.#auth = auth;
    const held = auth?.held ?? { kind: 'none' };
    if (auth?.identity !== before?.identity) {
      this.#cell.replaced(held);
      this.#settle((pending) => pending.resolve(held));
      return true;
    }
    const isOtherPassword = auth?.login?.password !== before?.login?.password;
    if (isOtherPassword) this.#cell.replaced(this.#cell.held);
    if (held.kind === 'none') return false;
    const refused = this.#pending?.request.refused;
    const isRefused = held.kind === 'token' && refused?.kind === 'token' && held.token === refused.token;
    if (isRefused) return false;
    this.#cell.adopt(held);
    this.#settle((pending) => pending.resolve(held));
    return false;
  }

  #login(request: LoginRequest): Promise<HeldToken> {
    if (this.#isClosed) return Promise.reject(shardClosed());
    // Nobody from now on: calls go without a token.
    if (this.#auth === undefined) return Promise.resolve({ kind: 'none' });
    const refused = request.refused.kind === 'token' ? request.refused.token : undefined;
    return new Promise((resolve, reject) => {
      this.#pending = { request, resolve, reject, timer: undefined, isOwn: false };
      this.#wait(this.#auth?.login === undefined ? MAIN_LIMIT_MS : PATIENCE_MS);
      this.#options.report({ kind: 'token-wanted', refused });
    });
  }

  /** Gives main so long from now on. */
  #wait(patienceMs: number): void {
    const pending = this.#pending;
    if (pending === undefined || pending.isOwn) return;
    const { timers } = this.#options;
    const canLogIn = this.#auth?.login !== undefined && pending.request.via !== undefined;
    timers.clear(pending.timer);
    pending.timer = timers.set(() => this.#loginHere(), canLogIn ? patienceMs : MAIN_LIMIT_MS);
  }

  #loginHere(): void {
    const pending = this.#pending;
    if (pending === undefined || pending.isOwn) return;
    const { timers, report } = this.#options;
    timers.clear(pending.timer);
    pending.isOwn = true;
    const auth = this.#auth;
    const { refused, via } = pending.request;
    if (auth?.login === undefined || via === undefined) {
      pending.isOwn = false;
      this.#settle((one) => one.reject(noAnswer()));
      return;
    }
    const settle = (with_: (one: Pending) => void): void => {
      if (this.#pending === pending) this.#settle(with_);
    };
    authenticate(via, auth.login).then(
      (held) => {
        if (this.#pending !== pending) return;
        const token = refused.kind === 'token' ? refused.token : undefined;
        report({ kind: 'token-found', identity: auth.identity, refused: token, held });
        settle((one) => one.resolve(held));
      },
      (thrown: unknown) => settle((one) => one.reject(toEtcdError(thrown, 'unavailable'))),
    );
  }

  #settle(with_: (pending: Pending) => void): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    this.#options.timers.clear(pending.timer);
    with_(pending);
  }
}

async function authenticate(connection: GrpcConnection, login: Login): Promise<HeldToken> {
  try {
    const request = encodeAuthenticate(login);
    return decodeAuthenticate(
      await connection.unary(AUTHENTICATE_PATH, request, { timeoutMs: AUTHENTICATE_TIMEOUT_MS }),
    );
  } catch (thrown) {
    const failure = loginFailure(toEtcdError(thrown, 'unavailable'));
    if (failure.kind === 'unneeded') return { kind: 'unneeded' };
    throw failure.error;
  }
}

function shardClosed(): EtcdError {
  return new EtcdError('the shard is closed', { code: 'closed', outcome: 'not-sent' });
}

function noAnswer(): EtcdError {
  return new EtcdError('the main thread gave no token in time', { code: 'unavailable', outcome: 'not-sent' });
}
