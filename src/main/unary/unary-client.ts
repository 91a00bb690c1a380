/**
 * Unary calls to the cluster: one connection per member, round-robin between them, failover, time limits. Main thread; owns
 * its connections and the calls in flight, which `close()` ends. Opens nothing, and loads no transport, before the first call.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { guardedTimers } from '../../wire/guarded-timers.js';
import { decodeAnswerHeader } from '../../wire/response-header.js';
import { performanceNow } from '../../wire/timers.js';
import type { Metadata, OpenConnection } from '../../grpc/grpc-connection.js';
import { transportFor } from '../../grpc/transport.js';
import { mayRepeat, wroteNothing } from '../../member/failure.js';
import { MemberHealth } from '../../member/member-health.js';
import { ROUND_PAUSE } from '../../member/member-search.js';
import type { Timers } from '../../member/timers.js';
import { NO_TOKENS, type TokenSource } from '../../member/token-source.js';
import { withToken } from '../auth/with-token.js';
import type { KnownRevisions } from '../known-revisions.js';
import { CallScope } from './call-scope.js';
import { isObserved, observeCall, type NoteAttempt } from './call-observer.js';
import type { ClusterPin } from './cluster-pin.js';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../connect-options.js';
import { MemberChoice, type ChoiceParts, type Chosen } from './member-choice.js';
import type { LinkParts } from './member-link.js';
import { MemberSet } from './member-set.js';
import { askMembership } from './membership.js';
import { checkTls } from './tls-check.js';
import { attemptCall, type Attempt } from './unary-call.js';
import type { UnaryCallOptions, UnaryCaller, UnaryMethod } from './unary-method.js';

/** What the application's thread throws in a timer is its own: nothing here does. */
const GUARDED = guardedTimers((callback) => callback);
const TIMERS: Timers = {
  set: GUARDED.setTimeout,
  clear: (timer) => GUARDED.clear(timer as NodeJS.Timeout | undefined),
};

/** An answer may be of any size, as a range may be. */
const ANY_SIZE = Number.MAX_SAFE_INTEGER;

export interface UnaryClientOptions {
  readonly settings: ConnectionSettings;
  /** Limit for a call that names none, in milliseconds. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** The token that calls carry, and the way to another. Default: none. */
  readonly tokens?: TokenSource | undefined;
  /** The cluster to which every member has to belong; without it nobody is asked. */
  readonly pin?: ClusterPin | undefined;
  /** Told how far the store was in each answer. */
  readonly known?: KnownRevisions | undefined;
  /** The engine's name, for those who observe its calls. */
  readonly name?: string | undefined;
  /** For tests: a number from 0 to 1. */
  readonly random?: (() => number) | undefined;
}

export class UnaryClient implements UnaryCaller {
  /** Where new calls go. */
  #members: MemberSet;
  /** Those before, on which calls still run. */
  readonly #retired = new Set<MemberSet>();
  readonly #known: KnownRevisions | undefined;
  readonly #name: string | undefined;
  readonly #requestTimeoutMs: number;
  readonly #tokens: TokenSource;
  readonly #random: () => number;
  readonly #health: MemberHealth;
  readonly #linkParts: LinkParts;
  readonly #choiceParts: ChoiceParts;
  /** Where the next call begins in the list of members. */
  #next = -1;
  /** Calls in flight. */
  readonly #open = new Set<CallScope>();
  #isClosed = false;

  constructor(options: UnaryClientOptions) {
    this.#known = options.known;
    this.#name = options.name;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.#tokens = options.tokens ?? NO_TOKENS;
    this.#random = options.random ?? Math.random;
    this.#health = new MemberHealth(performanceNow, this.#random);
    this.#choiceParts = { health: this.#health, timers: TIMERS, random: this.#random };
    const { pin } = options;
    this.#linkParts = {
      transport: (settings) => this.#openWith(settings),
      timers: TIMERS,
      now: performanceNow,
      random: this.#random,
      identify:
        pin && ((connection) => askMembership(connection, this.settings.connectTimeoutMs, this.#tokens.headers(), pin)),
      onFailure: (endpoint) => this.#health.failed(endpoint),
    };
    this.#members = new MemberSet(options.settings, this.#linkParts);
  }

  /** The newest. */
  get settings(): ConnectionSettings {
    return this.#members.settings;
  }

  /**
   * New calls, and new attempts of calls that run, go to these members; what is on its way to another one finishes there.
   * Connections that the new settings would make as they are stay.
   */
  reconfigure(settings: ConnectionSettings): void {
    if (this.#isClosed) return;
    const before = this.#members;
    this.#members = new MemberSet(settings, this.#linkParts, before);
    this.#health.keep(this.#members.names);
    before.retire();
    for (const old of this.#retired) if (old.isClosed) this.#retired.delete(old);
    if (!before.isClosed) this.#retired.add(before);
  }

  /** These endpoints have shown to belong to the cluster: they need not be asked. */
  verified(endpoints: readonly string[]): void {
    for (const [member, { text }] of this.settings.endpoints.entries())
      if (endpoints.includes(text)) this.#members.links[member]?.identified();
  }

  /**
   * Calls a method on some member. Failures to serve are tried again, elsewhere first, until the time is up; for calls that
   * are not `repeatable` only where the request provably was not applied (see src/member/failure.ts).
   *
   * @throws EtcdError with `outcome` telling the request's fate.
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
  ): Promise<Response> {
    if (!isObserved()) return this.#call(method, message, options, undefined);
    return observeCall(this.#name, method.path, (note) => this.#call(method, message, options, note));
  }

  async #call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
    onAttempt: NoteAttempt | undefined,
  ): Promise<Response> {
    if (this.#isClosed) throw closedError();
    const request = method.encode(message);
    const scope = new CallScope(options, this.#requestTimeoutMs, this.#open);
    try {
      scope.check();
      scope.onAttempt = onAttempt;
      const call = (): Promise<Response> => this.#callUntilServed(method, request, options, scope);
      if (options.anonymous === true) return await call();
      return await withToken(this.#tokens, scope, () => options.mayRepeat?.() !== false, call);
    } finally {
      scope.dispose();
    }
  }

  /** Ends all calls with code `closed` and every connection. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const scope of this.#open) scope.end('closed');
    for (const members of [...this.#retired, this.#members]) members.close();
  }

  async #callUntilServed<Response>(
    method: UnaryMethod<never, Response>,
    request: Uint8Array,
    options: UnaryCallOptions,
    scope: CallScope,
  ): Promise<Response> {
    const choice = new MemberChoice(this.#choiceParts, options, (this.#next += 1));
    for (let failedRounds = 0; ;) {
      const members = this.#members;
      members.enter();
      try {
        const chosen = choice.now(members) ?? (await choice.search(members, scope));
        // Undefined: there are other members now.
        if (chosen === undefined) continue;
        const answer = await this.#attempt(chosen, method.path, request, options, scope);
        if (answer !== undefined) return decode(method, answer, chosen.link.endpoint.text);
        if (!choice.tried(members, chosen.link)) continue;
      } finally {
        members.leave();
      }
      checkRepeat(options, scope);
      failedRounds += 1;
      await scope.pause(backoffDelayMs(failedRounds, ROUND_PAUSE, this.#random));
    }
  }

  /** Undefined after a failure that may pass, elsewhere or later. */
  async #attempt(
    { link, live }: Chosen,
    path: string,
    request: Uint8Array,
    options: UnaryCallOptions,
    scope: CallScope,
  ): Promise<Uint8Array | undefined> {
    const { repeatable, leaseId } = options;
    checkRepeat(options, scope);
    const endpoint = link.endpoint.text;
    const epoch = this.#known?.epoch ?? 0;
    const metadata = this.#headers(options);
    const attempt: Attempt = { path, request, metadata, repeatable, leaseId };
    scope.onAttempt?.(endpoint);
    try {
      const answer = await attemptCall(live, attempt, scope);
      this.#note(answer, epoch);
      this.#health.succeeded(endpoint);
      scope.waitingFor = undefined;
      return answer;
    } catch (thrown) {
      const error = toEtcdError(thrown);
      scope.waitingFor = undefined;
      if (error.outcome !== undefined) scope.outcome = error.outcome;
      if (live.life.isSilent) link.giveUp(live);
      if (!wroteNothing(error)) options.onUnknown?.(error);
      const isPassing = !scope.isOver && mayRepeat(error, repeatable);
      // A member that let a call run into its time limit may be one that swallows bytes: the next call goes elsewhere first.
      if (isPassing || error.code === 'timeout' || error.code === 'unavailable') this.#health.failed(endpoint);
      else if (error.code !== 'aborted' && error.code !== 'closed') this.#health.succeeded(endpoint);
      if (!isPassing) throw error;
      scope.lastFailure = error;
      return undefined;
    }
  }

  #headers({ anonymous, requireLeader }: UnaryCallOptions): Metadata {
    const headers = anonymous === true ? NO_TOKENS.headers() : this.#tokens.headers();
    return requireLeader ? { ...headers, hasleader: 'true' } : headers;
  }

  async #openWith(settings: ConnectionSettings): Promise<OpenConnection> {
    const transport = await transportFor(settings.transport);
    return (endpoint, of, handlers) => {
      if (endpoint.tls) checkTls(of.tls, endpoint.text);
      return transport(endpoint, { ...of, maxMessageBytes: ANY_SIZE }, handlers, GUARDED, 'unref');
    };
  }

  #note(answer: Uint8Array, epoch: number): void {
    if (this.#known === undefined) return;
    try {
      this.#known.answered(decodeAnswerHeader(answer), epoch);
    } catch {
      // Bytes that are no answer: decoding it tells so.
    }
  }
}

/** @throws EtcdError the last failure, where the caller wants no further attempt. */
function checkRepeat({ mayRepeat }: UnaryCallOptions, { lastFailure }: CallScope): void {
  if (lastFailure !== undefined && mayRepeat?.() === false) throw lastFailure;
}

function decode<Response>(method: UnaryMethod<never, Response>, answer: Uint8Array, endpoint: string): Response {
  try {
    return method.decode(answer);
  } catch (error) {
    throw new EtcdError(`${endpoint} answered ${method.path} with bytes that are not its answer`, {
      code: 'malformed-response',
      outcome: 'unknown',
      endpoint,
      cause: error,
    });
  }
}

function closedError(): EtcdError {
  return new EtcdError('the connection is closed', { code: 'closed', outcome: 'not-sent' });
}
