/**
 * A registered key: put on a session's lease, and put again whenever the session has a new one. Main thread; owns the
 * session and the attempt at hand.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { Listeners } from '../callbacks.js';
import type { LeaseSession, SessionEvent } from './lease-session.js';
import type { Lease } from './lease.js';
import type { LeasePut } from './lease-rpc.js';

/** What a registration tells. */
export type RegistrationEvent =
  /** The key stands in etcd, on this lease. */
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
  #value: Uint8Array;
  /** The lease that the key stands on. */
  #standing: Lease | undefined;
  /** Counts the attempts, so that only the latest one goes on. */
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: EtcdError) => void = () => undefined;
  #everStood = false;

  /** Made by the lease service. @internal */
  constructor(session: LeaseSession, put: LeasePut, key: Uint8Array, value: Uint8Array) {
    this.#session = session;
    this.#put = put;
    this.#key = key;
    this.#value = value;
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

  /**
   * Calls back with what happens from now on, until the function it gives is called. What a listener throws is an uncaught
   * exception of the process, in a later turn.
   */
  on(listener: RegistrationListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Stops, and removes the key by revoking its lease. Idempotent. @throws EtcdError as `lease.revoke()`. */
  async close(): Promise<void> {
    this.#stop();
    await this.#session.close();
  }

  /** Stops, and leaves the key to its lease, which runs out. Idempotent. */
  release(): void {
    this.#stop();
    this.#session.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Another value from now on; put at once where a lease is held. */
  update(value: Uint8Array): void {
    this.#value = value;
    const lease = this.#session.lease;
    if (lease !== undefined) void this.#register(lease, 0);
  }

  #stop(): void {
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#standing = undefined;
    this.#rejectReady(new EtcdError('the registration was closed', { code: 'closed', outcome: 'not-sent' }));
  }

  #onSession(event: SessionEvent): void {
    if (this.#abort.signal.aborted) return;
    switch (event.type) {
      case 'granted':
        void this.#register(event.lease, 0);
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

  async #register(lease: Lease, failures: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#attempt += 1;
    const attempt = this.#attempt;
    try {
      await this.#put(this.#key, this.#value, lease.leaseId, { signal: this.#abort.signal });
    } catch (thrown) {
      if (attempt === this.#attempt) this.#failed(lease, toEtcdError(thrown), failures + 1);
      return;
    }
    if (attempt !== this.#attempt || !lease.isAlive()) return;
    this.#standing = lease;
    this.#everStood = true;
    this.#resolveReady();
    this.#listeners.tell({ type: 'registered', leaseId: lease.leaseId });
  }

  #failed(lease: Lease, error: EtcdError, failures: number): void {
    if (!this.#everStood && isFinal(error)) {
      this.#rejectReady(error);
      this.#stop();
      void this.#session.close().catch(() => undefined);
      return;
    }
    // The session finds out by itself that its lease is gone; until then, and in all other cases, this tries again.
    this.#timer = setTimeout(
      () => {
        if (lease.isAlive()) void this.#register(lease, failures);
      },
      backoffDelayMs(failures, BACKOFF, Math.random),
    );
    this.#listeners.tell({ type: 'unregistered', error });
  }
}

/** A first put that fails so will fail again. Later on, rights may come back, so the key is not given up. */
function isFinal(error: EtcdError): boolean {
  switch (error.code) {
    case 'permission-denied':
    case 'invalid-argument':
    case 'request-too-large':
    case 'closed':
      return true;
    default:
      return false;
  }
}
