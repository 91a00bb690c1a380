/**
 * Unary calls to the cluster: one connection per member, round-robin between them, failover, time limits. Main thread; owns
 * its connections and the calls in flight, which `close()` ends. Opens nothing before the first call.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { decodeAnswerHeader } from '../../wire/response-header.js';
import type { KnownRevisions } from '../known-revisions.js';
import { CallScope } from './call-scope.js';
import { connectAny } from './connect-race.js';
import type { ClusterPin } from './cluster-pin.js';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../connect-options.js';
import { mayBeApplied, mayTryAgain } from './failover.js';
import { MemberSet } from './member-set.js';
import { askMembership } from './membership.js';
import { attemptCall, type Attempt } from './unary-call.js';
import type { UnaryCallOptions, UnaryCaller, UnaryMethod } from './unary-method.js';

/** While the member in favour connects, others that failed lately wait this long at most to be asked again. */
const FAVOUR_MS = 1_000;

/** Between rounds in which every member failed. */
const ROUND_BACKOFF = { initialMs: 25, maxMs: 500 };

export interface UnaryClientOptions {
  readonly settings: ConnectionSettings;
  /** Limit for a call that names none, in milliseconds. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Headers for each attempt, such as the token; asked for anew each time. */
  readonly metadata?: (() => Readonly<Record<string, string>>) | undefined;
  /** The cluster to which every member has to belong; without it nobody is asked. */
  readonly pin?: ClusterPin | undefined;
  /** Told how far the store was in each answer. */
  readonly known?: KnownRevisions | undefined;
  /** For tests: a number from 0 to 1. */
  readonly random?: (() => number) | undefined;
}

export class UnaryClient implements UnaryCaller {
  /** Where new calls go. */
  #members: MemberSet;
  /** Those before, on which calls still run. */
  readonly #retired = new Set<MemberSet>();
  readonly #pin: ClusterPin | undefined;
  readonly #known: KnownRevisions | undefined;
  readonly #requestTimeoutMs: number;
  readonly #metadata: () => Readonly<Record<string, string>>;
  readonly #random: () => number;
  /** Calls in flight. */
  readonly #open = new Set<CallScope>();
  #isClosed = false;

  constructor(options: UnaryClientOptions) {
    this.#pin = options.pin;
    this.#known = options.known;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.#metadata = options.metadata ?? (() => ({}));
    this.#random = options.random ?? Math.random;
    this.#members = new MemberSet(options.settings, this.#random);
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
    this.#members = new MemberSet(settings, this.#random, before);
    before.retire();
    for (const old of this.#retired) if (old.isClosed) this.#retired.delete(old);
    if (!before.isClosed) this.#retired.add(before);
  }

  /** These endpoints have shown to belong to the cluster: they need not be asked. */
  verified(endpoints: readonly string[]): void {
    for (const [member, { text }] of this.settings.endpoints.entries())
      if (endpoints.includes(text)) this.#members.verified.add(member);
  }

  /**
   * Calls a method on some member. Failures to serve are tried again, elsewhere first, until the time is up; for calls that
   * are not `repeatable` only where the request provably was not applied (see failover.ts).
   *
   * @throws EtcdError with `outcome` telling the request's fate.
   */
  async call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
  ): Promise<Response> {
    if (this.#isClosed) throw closedError();
    const request = method.encode(message);
    const scope = new CallScope(options, this.#requestTimeoutMs, this.#open);
    try {
      scope.check();
      return await this.#callUntilServed(method, request, options, scope);
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
    for (let round = 0; ; round += 1) {
      if (round > 0) {
        checkRepeat(options, scope);
        await scope.pause(backoffDelayMs(round, ROUND_BACKOFF, this.#random));
      }
      const members = this.#members;
      members.enter();
      try {
        const served = await this.#tryRound(members, method, request, options, scope);
        if (served !== undefined) return served.answer;
      } finally {
        members.leave();
      }
    }
  }

  /** Asks one member after the other; undefined when none served, or there are other members now. */
  async #tryRound<Response>(
    members: MemberSet,
    method: UnaryMethod<never, Response>,
    request: Uint8Array,
    options: UnaryCallOptions,
    scope: CallScope,
  ): Promise<{ readonly answer: Response } | undefined> {
    const { channels, failover } = members;
    const untried = options.member === undefined ? failover.order() : [options.member];
    while (untried.length > 0 && members === this.#members) {
      const member = await this.#connected(members, untried, scope);
      const channel = member === undefined ? undefined : channels[member];
      if (member === undefined || channel === undefined) continue;
      untried.splice(untried.indexOf(member), 1);
      checkRepeat(options, scope);
      let isSent = false;
      try {
        if (this.#pin !== undefined && options.member === undefined && !members.verified.has(member)) {
          await askMembership(channel, this.#metadata(), this.#pin, scope);
          members.verified.add(member);
        }
        const epoch = this.#known?.epoch ?? 0;
        isSent = true;
        const answer = await attemptCall(channel, this.#attempt(method.path, request, options), scope);
        this.#note(answer, epoch);
        failover.succeeded(member);
        return { answer: decode(method, answer, channel.endpoint.text) };
      } catch (thrown) {
        const error = toEtcdError(thrown);
        if (isSent && mayBeApplied(error)) options.onUnknown?.(error);
        const isPassing = mayTryAgain(error, options.repeatable);
        // A member that let a call run into its time limit may be one that swallows bytes: the next call goes elsewhere first.
        if (isPassing || error.code === 'timeout' || error.code === 'unavailable') failover.failed(member);
        else if (error.code !== 'aborted' && error.code !== 'closed') failover.succeeded(member);
        if (!isPassing) throw error;
        scope.lastFailure = error;
      }
    }
    return undefined;
  }

  /** The member for the next attempt. Those that could not be connected to in time are taken out of `untried`: undefined. */
  async #connected(members: MemberSet, untried: number[], scope: CallScope): Promise<number | undefined> {
    const { channels, failover, settings } = members;
    const favoured = untried.filter((member) => !failover.isAvoided(member));
    const candidates = favoured.length > 0 ? favoured : untried;
    const isLastResort = candidates.length === untried.length;
    const limitMs = isLastResort ? settings.connectTimeoutMs : Math.min(settings.connectTimeoutMs, FAVOUR_MS);
    const member = await connectAny(candidates, channels, limitMs, scope);
    if (member !== undefined) return member;
    for (const late of candidates) {
      const endpoint = settings.endpoints[late]?.text;
      failover.failed(late);
      untried.splice(untried.indexOf(late), 1);
      scope.lastFailure = new EtcdError(
        `cannot connect to ${String(endpoint)}: no answer within ${String(limitMs)} ms`,
        {
          code: 'unavailable',
          outcome: 'not-sent',
          retryable: true,
          endpoint,
        },
      );
    }
    return undefined;
  }

  #note(answer: Uint8Array, epoch: number): void {
    if (this.#known === undefined) return;
    try {
      this.#known.answered(decodeAnswerHeader(answer), epoch);
    } catch {
      // Bytes that are no answer: decoding it tells so.
    }
  }

  #attempt(path: string, request: Uint8Array, options: UnaryCallOptions): Attempt {
    const headers = this.#metadata();
    return {
      path,
      request,
      headers: options.requireLeader ? { ...headers, hasleader: 'true' } : headers,
      repeatable: options.repeatable,
      leaseId: options.leaseId,
      mayMove: options.repeatable && options.member === undefined && this.#members.channels.length > 1,
    };
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
