/** One lease, as the application holds it. A light view on a row; main thread. */
import { functionRule } from '../../wire/arguments.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';
import { Listeners } from '../callbacks.js';
import { defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import { plainValue } from '../plain-value.js';
import { leaseEndedError, type LeaseEnd } from './lease-end.js';
import type { CallLimit } from './call-limit.js';
import { revokeLimit, type RevokeOptions } from './lease-options.js';
import type { LeaseRef } from './lease-link.js';

/** What is told of a renewal. */
export interface LeaseRenewal {
  readonly leaseId: bigint;
  /** As the server answered. */
  readonly ttlSeconds: number;
  readonly deadline: Date;
}

/** What a lease object is a view on. @internal */
export interface LeaseBacking {
  leaseId(row: number): bigint;
  answeredTtlSeconds(row: number): number;
  deadlineMs(row: number): number;
  remainingMs(row: number): number;
  isAlive(row: number): boolean;
  end(row: number): LeaseEnd | undefined;
  revoke(rows: readonly number[], limit: CallLimit): Promise<void>;
  release(rows: readonly number[]): void;
  observe(row: number, on: boolean): void;
  setIntervalMs(row: number, intervalMs: number): void;
}

/**
 * A lease that a worker thread keeps alive from the moment it was granted until {@link revoke}, {@link release}, the
 * engine's close, or its end. Its deadline and {@link isAlive} are read from memory that the worker writes, so they are
 * right even in the first line that runs after this thread was blocked.
 */
export class Lease implements LeaseRef {
  readonly leaseId: bigint;
  readonly #rows: LeaseBacking;
  readonly #row: number;
  #ending: { readonly promise: Promise<LeaseEnd>; readonly resolve: (end: LeaseEnd) => void } | undefined;
  #abort: AbortController | undefined;
  #renewalListeners: Listeners<LeaseRenewal> | undefined;

  /** Made by the lease service. @internal */
  constructor(rows: LeaseBacking, row: number) {
    this.#rows = rows;
    this.#row = row;
    this.leaseId = rows.leaseId(row);
  }

  /** Time to live in seconds, as the server answered; it may be more than was asked for (etcd's minimum is about 2 s). */
  get ttlSeconds(): number {
    return this.#rows.answeredTtlSeconds(this.#row);
  }

  /**
   * When the lease runs out unless it is renewed again: the moment the last answered renewal was **sent**, plus the TTL
   * answered. Counted on the monotonic clock, told as a Date of now. After the end: its last deadline.
   */
  get deadline(): Date {
    return new Date(Date.now() + this.#rows.deadlineMs(this.#row) - monotonicMs());
  }

  /** Milliseconds to the {@link deadline}; 0 once it has passed or the lease has ended. */
  get remainingMs(): number {
    return this.#rows.remainingMs(this.#row);
  }

  /**
   * Whether the lease is held at this moment. Synchronous and cheap. Never turns true again once it was false, and the
   * lease has {@link ended} or is about to.
   */
  isAlive(): boolean {
    return this.#rows.isAlive(this.#row);
  }

  /** Resolves with the one end of the lease. Never rejects. */
  get ended(): Promise<LeaseEnd> {
    if (this.#ending === undefined) {
      let resolve: (end: LeaseEnd) => void = () => undefined;
      const promise = new Promise<LeaseEnd>((done) => {
        resolve = done;
      });
      this.#ending = { promise, resolve };
      const end = this.#rows.end(this.#row);
      if (end !== undefined) resolve(end);
    }
    return this.#ending.promise;
  }

  /** Aborts when the lease ends, with a `LeaseError` of code `lease-ended` as its reason. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const end = this.#rows.end(this.#row);
      if (end !== undefined) this.#abort.abort(leaseEndedError(end));
    }
    return this.#abort.signal;
  }

  /**
   * Revokes the lease: etcd deletes its keys in one revision. Stops renewing at once and for good: {@link isAlive} is false from
   * now on. Resolves when the server has answered. A lease that has ended here and may be left on the server (released,
   * expired, halted) is revoked too.
   *
   * Where that fails, the lease is not renewed again. After `timeout` and `aborted` the revocation is tried on in the
   * background until it is answered (the lease ends as `revoked`) or the lease has run out (`expired`); another call waits for
   * the same revocation. After a refusal the lease ends as `released` and runs out on the server.
   *
   * @throws EtcdError where the server refuses (`permission-denied`) or did not answer in time (`timeout`); `aborted` by the
   *   signal, `invalid-argument`, `closed`.
   */
  async revoke(options: RevokeOptions = {}): Promise<void> {
    await this.#rows.revoke([this.#row], revokeLimit(options, 1));
  }

  /** Stops renewing and leaves the lease to run out on the server, with its keys. It ends as `released`. */
  release(): void {
    this.#rows.release([this.#row]);
  }

  /**
   * Calls back after each renewal, until the function it gives is called. Off by default: every renewal then crosses to this
   * thread. What a listener throws is an uncaught exception of the process, in a later turn; the lease is renewed all the same.
   */
  onRenewed(listener: (renewal: LeaseRenewal) => void): () => void {
    functionRule(listener, 'onRenewed: listener');
    const listeners = (this.#renewalListeners ??= new Listeners());
    const remove = listeners.add(listener);
    this.#rows.observe(this.#row, true);
    return () => {
      remove();
      if (listeners.size === 0) this.#rows.observe(this.#row, false);
    };
  }

  toJSON(): Record<string, unknown> {
    const { leaseId, ttlSeconds, deadline } = this;
    return jsonForm({ leaseId, ttlSeconds, deadline, isAlive: this.isAlive() });
  }

  /** The id, in decimal. */
  toString(): string {
    return String(this.leaseId);
  }

  static {
    defineInspect<Lease>(Lease.prototype, function (options) {
      const { leaseId, ttlSeconds, remainingMs } = this;
      return inspectFields('Lease', { leaseId, ttlSeconds, remainingMs, isAlive: this.isAlive() }, options);
    });
  }

  /** Revokes the lease, unless it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#rows.end(this.#row) === undefined) await this.revoke();
  }

  /** @internal */
  tellRenewed(): void {
    if (this.#renewalListeners === undefined) return;
    this.#renewalListeners.tell(
      plainValue({ leaseId: this.leaseId, ttlSeconds: this.ttlSeconds, deadline: this.deadline }),
    );
  }

  /** @internal */
  tellEnd(end: LeaseEnd): void {
    this.#ending?.resolve(end);
    this.#abort?.abort(leaseEndedError(end));
  }

  /** @internal Another interval for a lease that is held already. */
  setIntervalMs(intervalMs: number): void {
    this.#rows.setIntervalMs(this.#row, intervalMs);
  }
}
