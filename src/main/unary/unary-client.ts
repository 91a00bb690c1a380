/**
 * Unary calls to the cluster: one connection per member, round-robin between them, failover, time limits. Main thread; owns
 * its connections and the calls in flight, which `close()` ends. Opens nothing before the first call.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { CallScope } from './call-scope.js';
import { connectAny } from './connect-race.js';
import { Failover, mayTryAgain } from './failover.js';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../connect-options.js';
import { MemberChannel } from './member-channel.js';
import { attemptCall, type Attempt } from './unary-call.js';
import type { UnaryCallOptions, UnaryCaller, UnaryMethod } from './unary-method.js';

/** While the member in favour connects, others that failed lately wait this long at most to be asked again. */
const FAVOUR_MS = 1_000;

/** Between rounds in which every member failed. */
const ROUND_BACKOFF = { initialMs: 25, maxMs: 500 };

export interface UnaryClientOptions {
  readonly settings: ConnectionSettings;
  /** Limit for a call that names none, in milliseconds. Default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Headers for each attempt, such as the token; asked for anew each time. */
  readonly metadata?: (() => Readonly<Record<string, string>>) | undefined;
  /** For tests: a number from 0 to 1. */
  readonly random?: (() => number) | undefined;
}

export class UnaryClient implements UnaryCaller {
  readonly settings: ConnectionSettings;
  readonly #channels: readonly MemberChannel[];
  readonly #failover: Failover;
  readonly #requestTimeoutMs: number;
  readonly #metadata: () => Readonly<Record<string, string>>;
  readonly #random: () => number;
  /** Calls in flight. */
  readonly #open = new Set<CallScope>();
  #isClosed = false;

  constructor(options: UnaryClientOptions) {
    this.settings = options.settings;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.#metadata = options.metadata ?? (() => ({}));
    this.#random = options.random ?? Math.random;
    this.#channels = options.settings.endpoints.map((endpoint) => new MemberChannel(endpoint, options.settings));
    this.#failover = new Failover(this.#channels.length, () => performance.now(), this.#random);
  }

  /**
   * Calls a method on some member. Failures to serve are tried again, elsewhere first, until the time is up; for calls that
   * are not `readOnly` only where the request provably was not applied (see failover.ts).
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
    for (const channel of this.#channels) channel.close();
  }

  async #callUntilServed<Response>(
    method: UnaryMethod<never, Response>,
    request: Uint8Array,
    options: UnaryCallOptions,
    scope: CallScope,
  ): Promise<Response> {
    const untried: number[] = [];
    for (let round = 0; ;) {
      if (untried.length === 0) {
        if (round > 0) await scope.pause(backoffDelayMs(round, ROUND_BACKOFF, this.#random));
        round += 1;
        untried.push(...(options.member === undefined ? this.#failover.order() : [options.member]));
      }
      const member = await this.#connected(untried, scope);
      const channel = member === undefined ? undefined : this.#channels[member];
      if (member === undefined || channel === undefined) continue;
      untried.splice(untried.indexOf(member), 1);
      try {
        const answer = await attemptCall(channel, this.#attempt(method.path, request, options), scope);
        this.#failover.succeeded(member);
        return decode(method, answer, channel.endpoint.text);
      } catch (thrown) {
        const error = toEtcdError(thrown);
        const isPassing = mayTryAgain(error, options.readOnly);
        // A member that let a call run into its time limit may be one that swallows bytes: the next call goes elsewhere first.
        if (isPassing || error.code === 'timeout' || error.code === 'unavailable') this.#failover.failed(member);
        else if (error.code !== 'aborted' && error.code !== 'closed') this.#failover.succeeded(member);
        if (!isPassing) throw error;
        scope.lastFailure = error;
      }
    }
  }

  /** The member for the next attempt. Those that could not be connected to in time are taken out of `untried`: undefined. */
  async #connected(untried: number[], scope: CallScope): Promise<number | undefined> {
    const favoured = untried.filter((member) => !this.#failover.isAvoided(member));
    const candidates = favoured.length > 0 ? favoured : untried;
    const isLastResort = candidates.length === untried.length;
    const limitMs = isLastResort ? this.settings.connectTimeoutMs : Math.min(this.settings.connectTimeoutMs, FAVOUR_MS);
    const member = await connectAny(candidates, this.#channels, limitMs, scope);
    if (member !== undefined) return member;
    for (const late of candidates) {
      const endpoint = this.settings.endpoints[late]?.text;
      this.#failover.failed(late);
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

  #attempt(path: string, request: Uint8Array, options: UnaryCallOptions): Attempt {
    const headers = this.#metadata();
    return {
      path,
      request,
      headers: options.requireLeader ? { ...headers, hasleader: 'true' } : headers,
      readOnly: options.readOnly,
      leaseId: options.leaseId,
      mayMove: options.readOnly && options.member === undefined && this.#channels.length > 1,
    };
  }
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
