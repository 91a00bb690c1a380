/**
 * A session: a lease that is granted again after it was lost. Main thread; owns the current lease and the wait for the
 * next one.
 */
import { functionRule } from '../../wire/arguments.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { clearTimeout, setTimeout } from '../../wire/timers.js';
import { linkAbort } from '../abort-link.js';
import { Listeners } from '../callbacks.js';
import { defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import type { LeaseEnd } from './lease-end.js';
import { revokeLimit, type RevokeOptions } from './lease-options.js';
import type { Lease } from './lease.js';

/** What a session tells. */
export type SessionEvent =
  /** A lease is held; the first one too. */
  | { readonly type: 'granted'; readonly lease: Lease }
  /** The lease is gone, and with it its keys; another one is being granted. */
  | { readonly type: 'lost'; readonly end: LeaseEnd }
  /** A grant failed and is tried again. */
  | { readonly type: 'retrying'; readonly error: EtcdError; readonly attempt: number };

export type SessionListener = (event: SessionEvent) => void;

const CLOSED = { kind: 'closed', toRevoke: undefined } as const;

const BACKOFF = { initialMs: 100, maxMs: 5_000 } as const;

type State =
  | { readonly kind: 'granting'; readonly abort: AbortController }
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  /** `toRevoke`: what close() has begun to revoke. */
  | { readonly kind: 'closed'; readonly toRevoke: Lease | undefined };

/**
 * Holds a lease until {@link close} or {@link release}, granting another one whenever it ends for any other reason, also where
 * the lease itself was revoked or released. Its id changes each time: put keys again when it does, or use `register()`.
 */
export class LeaseSession {
  /**
   * Resolves with the first lease. Rejects where the session is closed before, and where the server refuses the first grant for good
   * (`unauthenticated`, `permission-denied`), which closes it. Never an unhandled rejection.
   */
  readonly ready: Promise<Lease>;
  readonly #grant: (signal: AbortSignal) => Promise<Lease>;
  readonly #listeners = new Listeners<SessionEvent>();
  #state: State = CLOSED;
  #resolveReady: (lease: Lease) => void = () => undefined;
  #rejectReady: (error: EtcdError) => void = () => undefined;
  #failures = 0;
  #everHeld = false;
  #unlink: () => void = () => undefined;

  /** Made by the lease service. @internal */
  constructor(grant: (signal: AbortSignal) => Promise<Lease>, engineClosed: AbortSignal) {
    this.#grant = grant;
    // Nothing is granted any more then, and nothing is to be waited for. Where it is closed already, the first grant fails.
    if (!engineClosed.aborted) this.#unlink = linkAbort(engineClosed, () => void this.#end());
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => undefined);
    this.#begin();
  }

  /** The lease held at this moment; `undefined` between two. */
  get lease(): Lease | undefined {
    return this.#state.kind === 'held' && this.#state.lease.isAlive() ? this.#state.lease : undefined;
  }

  /** Whether it has ended for good: by {@link close}, {@link release}, or the end of its engine. */
  isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  toJSON(): Record<string, unknown> {
    return jsonForm({ state: this.#state.kind, lease: this.lease });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  static {
    defineInspect<LeaseSession>(LeaseSession.prototype, function (options) {
      return inspectFields('LeaseSession', { state: this.#state.kind, lease: this.lease }, options);
    });
  }

  /**
   * Calls back with what happens from now on, until the function it gives is called. What a listener throws is an uncaught
   * exception of the process, in a later turn.
   */
  on(listener: SessionListener): () => void {
    functionRule(listener, 'on: listener');
    return this.#listeners.add(listener);
  }

  /**
   * Ends the session and revokes its lease; its keys go. Idempotent: where it failed, another call waits for the revocation
   * that goes on, or tries again. After {@link release} it does nothing.
   *
   * @throws EtcdError as `lease.revoke()`; the lease is not renewed again in any case.
   */
  async close(options: RevokeOptions = {}): Promise<void> {
    revokeLimit(options, 1); // before anything is stopped
    const lease = this.#end();
    if (lease !== undefined) this.#state = { kind: 'closed', toRevoke: lease };
    await lease?.revoke(options);
  }

  /** Ends the session and leaves its lease, with its keys, to run out. Idempotent. */
  release(): void {
    const lease = this.#end();
    this.#state = { kind: 'closed', toRevoke: undefined };
    lease?.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(): Lease | undefined {
    const state = this.#state;
    this.#state = CLOSED;
    this.#unlink();
    this.#rejectReady(new EtcdError('the session was closed', { code: 'closed', outcome: 'not-sent' }));
    switch (state.kind) {
      case 'granting':
        state.abort.abort();
        return undefined;
      case 'waiting':
        clearTimeout(state.timer);
        return undefined;
      case 'held':
        return state.lease;
      case 'closed':
        return state.toRevoke;
      default:
        return state satisfies never;
    }
  }

  #begin(): void {
    const abort = new AbortController();
    const state: State = { kind: 'granting', abort };
    this.#state = state;
    this.#grant(abort.signal).then(
      (lease) => {
        if (this.#state !== state) lease.revoke().catch(() => undefined);
        else this.#hold(lease);
      },
      (thrown: unknown) => {
        if (this.#state === state) this.#failed(toEtcdError(thrown));
      },
    );
  }

  #hold(lease: Lease): void {
    const state: State = { kind: 'held', lease };
    this.#state = state;
    this.#failures = 0;
    this.#everHeld = true;
    void lease.ended.then((end) => {
      // Closed or released as a session, or with its engine. Every other end asks for another lease, also where the application
      // released this one by itself, or the server refused to revoke it.
      if (this.#state !== state) return;
      this.#begin();
      this.#listeners.tell({ type: 'lost', end });
    });
    this.#resolveReady(lease);
    this.#listeners.tell({ type: 'granted', lease });
  }

  #failed(error: EtcdError): void {
    if (error.code === 'closed' || (!this.#everHeld && isFinal(error))) {
      this.#state = CLOSED;
      this.#unlink();
      this.#rejectReady(error);
      return;
    }
    this.#failures += 1;
    const timer = setTimeout(
      () => {
        this.#begin();
      },
      backoffDelayMs(this.#failures, BACKOFF, Math.random),
    );
    this.#state = { kind: 'waiting', timer };
    this.#listeners.tell({ type: 'retrying', error, attempt: this.#failures });
  }
}

/**
 * A first grant that fails so will fail again. Later on it may not: options that were good once are not at fault when a shard is full
 * for a moment, and rights come back.
 */
function isFinal({ code }: EtcdError): boolean {
  return code === 'invalid-argument' || code === 'unauthenticated' || code === 'permission-denied';
}
