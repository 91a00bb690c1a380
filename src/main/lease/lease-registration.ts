/**
 * A registered key: put on a session's lease, and put again whenever the session has a new one or the value changes. Main
 * thread; owns the session and the one put on its way.
 */
import { functionRule } from '../../wire/arguments.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import { linkAbort } from '../abort-link.js';
import { plainValue } from '../plain-value.js';
import { Listeners } from '../callbacks.js';
import { toBytes } from '../../wire/key-range.js';
import { revokeLimit, type RevokeOptions } from './lease-options.js';
import type { LeaseSession, SessionEvent } from './lease-session.js';
import { LATE_PUT_MS, LatePuts } from './late-puts.js';
import type { Lease } from './lease.js';
import type { LeasePut } from './lease-rpc.js';

/** What a registration tells. */
export type RegistrationEvent =
  /** The key stands in etcd, on this lease; told after each put that succeeded. */
  | { readonly type: 'registered'; readonly leaseId: bigint }
  /** The key is gone with its lease, or could not be put; it is put again. */
  | { readonly type: 'unregistered'; readonly error: EtcdError | undefined };

export type RegistrationListener = (event: RegistrationEvent) => void;

const BACKOFF = { initialMs: 100, maxMs: 5_000 } as const;

/**
 * A key that exists as long as this does: after a lost lease, a restart of the server or a wiped store it is put again, with
 * back-off. {@link close} removes it.
 */
export class Registration {
  /** Resolves once the key stands for the first time; rejects where the server refuses it for good, or on close. */
  readonly ready: Promise<void>;
  readonly #session: LeaseSession;
  readonly #put: LeasePut;
  readonly #key: Uint8Array;
  readonly #listeners = new Listeners<RegistrationEvent>();
  readonly #abort = new AbortController();
  /** The newest; replaced by {@link update}, never written to. */
  #value: Uint8Array;
  /** The lease that the key stands on. */
  #standing: Lease | undefined;
  /** A put is on its way. No other is sent before it has ended: etcd might apply the older one last. */
  #isPutting = false;
  readonly #late: LatePuts;
  /** Puts that failed since the last one that did not. */
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #unlink: () => void = () => undefined;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: EtcdError) => void = () => undefined;
  #everStood = false;

  /** Made by the lease service. @internal */
  constructor(
    session: LeaseSession,
    put: LeasePut,
    key: Uint8Array,
    value: Uint8Array,
    engineClosed: AbortSignal,
    lateMs: number = LATE_PUT_MS,
  ) {
    if (!engineClosed.aborted) this.#unlink = linkAbort(engineClosed, () => this.#stop());
    this.#session = session;
    this.#put = put;
    this.#key = key;
    this.#value = value;
    this.#late = new LatePuts(lateMs);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => undefined);
    session.ready.catch((error: unknown) => {
      this.#rejectReady(toEtcdError(error));
    });
    session.on((event) => {
      this.#onSession(event);
    });
  }

  /** Whether the key stands on a lease that is held at this moment. */
  isRegistered(): boolean {
    return this.#standing?.isAlive() === true;
  }

  /** The lease that the key stands on, where it does. */
  get leaseId(): bigint | undefined {
    return this.#standing?.leaseId;
  }

  toJSON(): Record<string, unknown> {
    return jsonForm({ isRegistered: this.isRegistered(), leaseId: this.leaseId });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  static {
    defineInspect<Registration>(Registration.prototype, function (options) {
      return inspectFields('Registration', { isRegistered: this.isRegistered(), leaseId: this.leaseId }, options);
    });
  }

  /**
   * Calls back with what happens from now on, until the function it gives is called. What a listener throws is an uncaught
   * exception of the process, in a later turn.
   */
  on(listener: RegistrationListener): () => void {
    functionRule(listener, 'on: listener');
    return this.#listeners.add(listener);
  }

  /**
   * Stops, and removes the key by revoking its lease. Idempotent: where it failed, another call waits for the revocation that
   * goes on, or tries again; the key is gone with its lease in any case.
   *
   * @throws EtcdError as `lease.revoke()`.
   */
  async close(options: RevokeOptions = {}): Promise<void> {
    revokeLimit(options, 1); // before anything is stopped
    this.#stop();
    await this.#session.close(options);
  }

  /** Stops, and leaves the key to its lease, which runs out. Idempotent. */
  release(): void {
    this.#stop();
    this.#session.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Another value from now on. It is put as soon as a lease is held and the put before it has ended; of values that come
   * meanwhile only the newest is put, and an older one never after it. `registered` is told once it stands. The bytes are
   * copied.
   *
   * @throws EtcdError `invalid-argument` for what is no value, `closed` after {@link close} or {@link release}.
   */
  update(value: string | Uint8Array): void {
    const bytes = toBytes(value, 'update: value');
    if (this.#abort.signal.aborted) throw registrationClosed();
    this.#value = bytes;
    this.#failures = 0;
    this.#putNewest();
  }

  #stop(): void {
    this.#unlink();
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#standing = undefined;
    this.#rejectReady(registrationClosed());
  }

  #onSession(event: SessionEvent): void {
    if (this.#abort.signal.aborted) return;
    switch (event.type) {
      case 'granted':
        this.#failures = 0;
        this.#putNewest();
        break;
      case 'lost':
        this.#standing = undefined;
        this.#listeners.tell({ type: 'unregistered', error: event.end.error });
        break;
      case 'retrying':
        break;
      default:
        event satisfies never;
    }
  }

  /** Puts the newest value on the lease of now, unless a put is on its way: its end leads here again. */
  #putNewest(): void {
    clearTimeout(this.#timer);
    const { lease } = this.#session;
    if (lease === undefined || this.#isPutting || this.#abort.signal.aborted) return;
    const value = this.#value;
    const isNewest = (): boolean => value === this.#value && lease === this.#session.lease;
    const sentMs = performanceNow();
    this.#isPutting = true;
    // A server may apply it later still, also where another one did meanwhile.
    const onUnknown = (error: EtcdError): void => this.#late.failed(value, lease.leaseId, error, performanceNow());
    this.#put(this.#key, value, lease.leaseId, { signal: this.#abort.signal, mayRepeat: isNewest, onUnknown }).then(
      () => {
        this.#isPutting = false;
        this.#stands(lease);
        if (!isNewest()) this.#putNewest();
        else this.#putAgainAfter(this.#late.applied(value, lease.leaseId, sentMs));
      },
      (thrown: unknown) => {
        this.#isPutting = false;
        const error = toEtcdError(thrown);
        onUnknown(error);
        if (isNewest()) this.#failed(error);
        else this.#putNewest();
      },
    );
  }

  #putAgainAfter(delayMs: number | undefined): void {
    if (delayMs === undefined || this.#abort.signal.aborted) return;
    const dueMs = performanceNow() + delayMs;
    const wait = (): void => {
      this.#timer = setTimeout(() => {
        // Timers count whole milliseconds and may fire up to two of them early: the put would come once more.
        if (performanceNow() < dueMs) wait();
        else this.#putNewest();
      }, dueMs - performanceNow());
    };
    wait();
  }

  #stands(lease: Lease): void {
    if (this.#abort.signal.aborted || !lease.isAlive()) return;
    this.#failures = 0;
    this.#standing = lease;
    this.#everStood = true;
    this.#resolveReady();
    this.#listeners.tell(plainValue({ type: 'registered' as const, leaseId: lease.leaseId }));
  }

  #failed(error: EtcdError): void {
    if (this.#abort.signal.aborted) return;
    if (!this.#everStood && isFinal(error)) {
      this.#rejectReady(error);
      this.#stop();
      void this.#session.close().catch(() => undefined);
      return;
    }
    this.#failures += 1;
    // The session finds out by itself that its lease is gone; until then, and in all other cases, this tries again.
    this.#putAgainAfter(backoffDelayMs(this.#failures, BACKOFF, Math.random));
    this.#listeners.tell({ type: 'unregistered', error });
  }
}

function registrationClosed(): EtcdError {
  return new EtcdError('the registration was closed', { code: 'closed', outcome: 'not-sent' });
}

/** A first put that fails so will fail again. Later on, rights may come back, so the key is not given up. */
function isFinal(error: EtcdError): boolean {
  switch (error.code) {
    case 'permission-denied':
    case 'unauthenticated':
    case 'invalid-argument':
    case 'request-too-large':
    case 'closed':
      return true;
    default:
      return false;
  }
}
