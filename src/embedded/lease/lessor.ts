/**
 * The leases: granted, kept alive, revoked, expired by the clock; which keys hang on which. Server thread; memory only: no lease
 * survives the server. As etcd's: time runs out within half a second of the TTL's end, in checks of at most 500 leases, and each
 * lease's keys are deleted in one revision, in order.
 */
import type { Clock } from '../clock.js';
import { failure } from '../rpc-failure.js';
import type { KvStore } from '../store/kv-store.js';
import type { LeaseBook } from '../store/lease-book.js';
import { ExpiryQueue } from './expiry-queue.js';

/** etcd's smallest TTL with its default election timeout of a second: 1.5 of them, rounded up. */
export const MIN_TTL_SECONDS = 2;
const MAX_TTL_SECONDS = 9_000_000_000n;
const CHECK_INTERVAL_MS = 500;
/** etcd revokes at most 1,000 leases a second. */
const LEASES_PER_CHECK = 500;

interface Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  expiryMs: number;
  readonly keys: Set<string>;
  /** Run when the lease is gone. */
  readonly whenGone: Set<() => void>;
}

interface Due {
  readonly lease: Lease;
  readonly dueMs: number;
}

/** What is told of a lease. */
export interface LeaseState {
  readonly grantedSeconds: number;
  /** Whole seconds; 0 while it waits for its revocation. */
  readonly remainingSeconds: number;
  /** Texts of its keys, in order. */
  readonly keys: readonly string[];
}

/** What comes of a renewal. `expiring`: its time is over and it will be gone after the next check. */
export type Renewal =
  | { readonly kind: 'renewed'; readonly ttlSeconds: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expiring' };

export class Lessor implements LeaseBook {
  readonly #store: KvStore;
  readonly #clock: Clock;
  readonly #drawId: () => bigint;
  readonly #leases = new Map<bigint, Lease>();
  readonly #queue = new ExpiryQueue<Due>();
  readonly #startMs: number;
  #cancelCheck: (() => void) | undefined;
  #closed = false;

  /**
   * Becomes the store's keeper of leases.
   *
   * @param drawId gives ids for leases granted without one: positive and 63 bits.
   */
  constructor(store: KvStore, clock: Clock, drawId: () => bigint) {
    this.#store = store;
    this.#clock = clock;
    this.#drawId = drawId;
    this.#startMs = clock.nowMs();
    store.useLeases(this);
  }

  get size(): number {
    return this.#leases.size;
  }

  /**
   * @param id 0n: one is drawn.
   * @param ttlSeconds raised to {@link MIN_TTL_SECONDS}.
   * @throws RpcFailure for a TTL that is too large, and for an id that is taken.
   */
  grant(id: bigint, ttlSeconds: bigint): { readonly id: bigint; readonly ttlSeconds: number } {
    if (ttlSeconds > MAX_TTL_SECONDS) throw failure('leaseTTLTooLarge');
    let chosen = id;
    while (chosen === 0n || (id === 0n && this.#leases.has(chosen))) chosen = this.#drawId();
    if (this.#leases.has(chosen)) throw failure('leaseExist');
    const granted = ttlSeconds < MIN_TTL_SECONDS ? MIN_TTL_SECONDS : Number(ttlSeconds);
    const expiryMs = this.#clock.nowMs() + granted * 1000;
    const lease: Lease = { id: chosen, ttlSeconds: granted, expiryMs, keys: new Set(), whenGone: new Set() };
    this.#leases.set(chosen, lease);
    this.#queue.add({ lease, dueMs: expiryMs });
    this.#scheduleCheck();
    return { id: chosen, ttlSeconds: granted };
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  attach(leaseId: bigint, keyText: string): void {
    this.#leases.get(leaseId)?.keys.add(keyText);
  }

  detach(leaseId: bigint, keyText: string): void {
    this.#leases.get(leaseId)?.keys.delete(keyText);
  }

  /** The texts of a lease's keys, in order; none where there is no such lease. */
  keysOf(id: bigint): readonly string[] {
    return sortedKeys(this.#leases.get(id));
  }

  /** Ends a lease and deletes its keys in one revision. @throws RpcFailure where there is no such lease. */
  revoke(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw failure('leaseNotFound');
    this.#remove(lease);
  }

  /** Starts the TTL of a lease anew, unless its time is over. */
  renew(id: bigint): Renewal {
    const lease = this.#leases.get(id);
    if (lease === undefined) return { kind: 'unknown' };
    const nowMs = this.#clock.nowMs();
    if (lease.expiryMs <= nowMs) return { kind: 'expiring' };
    lease.expiryMs = nowMs + lease.ttlSeconds * 1000;
    return { kind: 'renewed', ttlSeconds: lease.ttlSeconds };
  }

  /** Runs `run` once when the lease is gone, at once where there is none. Gives what calls it off. */
  whenGone(id: bigint, run: () => void): () => void {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      run();
      return () => undefined;
    }
    lease.whenGone.add(run);
    return () => {
      lease.whenGone.delete(run);
    };
  }

  timeToLive(id: bigint): LeaseState | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const remainingMs = Math.max(0, lease.expiryMs - this.#clock.nowMs());
    return {
      grantedSeconds: lease.ttlSeconds,
      remainingSeconds: Math.trunc(remainingMs / 1000),
      keys: sortedKeys(lease),
    };
  }

  /** The ids of all leases, the one that expires first at the front. */
  list(): readonly bigint[] {
    return [...this.#leases.values()].sort((a, b) => a.expiryMs - b.expiryMs).map(({ id }) => id);
  }

  /** Stops the clock: nothing expires any more. */
  close(): void {
    this.#closed = true;
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  #remove(lease: Lease): void {
    // Before its keys, as in etcd: nothing can be attached meanwhile.
    this.#leases.delete(lease.id);
    const keys = sortedKeys(lease);
    if (keys.length > 0) {
      this.#store.write((writer) => {
        for (const key of keys) writer.delete({ kind: 'key', key });
      });
    }
    for (const run of lease.whenGone) run();
    lease.whenGone.clear();
  }

  /** Checks fall on half seconds since the start, as in etcd, but only while there is a lease. */
  #scheduleCheck(): void {
    if (this.#closed || this.#cancelCheck !== undefined || this.#queue.size === 0) return;
    const sinceMs = this.#clock.nowMs() - this.#startMs;
    const delayMs = CHECK_INTERVAL_MS - (sinceMs % CHECK_INTERVAL_MS);
    this.#cancelCheck = this.#clock.setTimer(delayMs, () => {
      this.#cancelCheck = undefined;
      this.#check();
      this.#scheduleCheck();
    });
  }

  #check(): void {
    const nowMs = this.#clock.nowMs();
    let revoked = 0;
    while (revoked < LEASES_PER_CHECK) {
      const due = this.#queue.takeDue(nowMs);
      if (due === undefined) return;
      const { lease } = due;
      // Revoked meanwhile; its id may be another lease's by now.
      if (this.#leases.get(lease.id) !== lease) continue;
      if (lease.expiryMs > nowMs) {
        this.#queue.add({ lease, dueMs: lease.expiryMs });
        continue;
      }
      revoked += 1;
      this.#remove(lease);
    }
  }
}

function sortedKeys(lease: Lease | undefined): string[] {
  // Texts of bytes: the default order, by code units, is the order of the bytes.
  return lease === undefined ? [] : [...lease.keys].sort();
}
