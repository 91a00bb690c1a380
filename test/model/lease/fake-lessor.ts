/**
 * What etcd knows of leases, and of the keys on them: the lessor of a cluster, on the time of the world. Pure: the time is
 * passed in, and nothing happens by itself.
 */

export interface ServerLease {
  readonly leaseId: bigint;
  readonly ttlSeconds: number;
  /** When it runs out; it is revoked at the next scan after that. */
  expiryMs: number;
  readonly keys: Set<string>;
  /** How it went, once it is gone. */
  removed: Removal | undefined;
}

export interface ServerKey {
  readonly value: string;
  readonly leaseId: bigint;
}

export type Removal = 'expired' | 'revoked' | 'revoked by another';

/** etcd looks for leases that have run out this often. */
const SCAN_MS = 500;
/** 1.5 times the election timeout of 1 s. */
const MIN_TTL_SECONDS = 2;
const ELECTION_MS = 1_000;

export class FakeLessor {
  /** Without one nothing runs out and nothing can be written. */
  hasLeader = true;
  readonly keys = new Map<string, ServerKey>();
  readonly #leases = new Map<bigint, ServerLease>();
  readonly #removed = new Map<bigint, Removal>();

  get(leaseId: bigint): ServerLease | undefined {
    return this.#leases.get(leaseId);
  }

  get ids(): bigint[] {
    return [...this.#leases.keys()];
  }

  /** How a lease that is gone went. */
  removal(leaseId: bigint): Removal | undefined {
    return this.#removed.get(leaseId);
  }

  /** False where the id is taken. */
  grant(leaseId: bigint, ttlSeconds: number, nowMs: number): ServerLease | undefined {
    this.expire(nowMs);
    if (this.#leases.has(leaseId)) return undefined;
    const granted = Math.max(MIN_TTL_SECONDS, ttlSeconds);
    const lease = {
      leaseId,
      ttlSeconds: granted,
      expiryMs: nowMs + granted * 1_000,
      keys: new Set<string>(),
      removed: undefined,
    };
    this.#leases.set(leaseId, lease);
    this.#removed.delete(leaseId);
    return lease;
  }

  /** The TTL; 0 for a lease that is not there; `wait` for one that has run out and is not revoked yet. */
  renew(leaseId: bigint, nowMs: number): number | 'wait' {
    this.expire(nowMs);
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return 0;
    if (lease.expiryMs <= nowMs) return 'wait';
    lease.expiryMs = nowMs + lease.ttlSeconds * 1_000;
    return lease.ttlSeconds;
  }

  revoke(leaseId: bigint, nowMs: number, how: Removal): boolean {
    this.expire(nowMs);
    return this.#remove(leaseId, how);
  }

  /** False where the lease is not there. */
  put(key: string, value: string, leaseId: bigint, nowMs: number): boolean {
    this.expire(nowMs);
    const lease = this.#leases.get(leaseId);
    if (leaseId !== 0n && lease === undefined) return false;
    const before = this.keys.get(key);
    if (before !== undefined) this.#leases.get(before.leaseId)?.keys.delete(key);
    this.keys.set(key, { value, leaseId });
    lease?.keys.add(key);
    return true;
  }

  /** Revokes what ran out before the last scan. */
  expire(nowMs: number): void {
    if (!this.hasLeader) return;
    const scanMs = Math.floor(nowMs / SCAN_MS) * SCAN_MS;
    for (const { leaseId, expiryMs } of this.#leases.values()) {
      if (expiryMs <= scanMs) this.#remove(leaseId, 'expired');
    }
  }

  loseLeader(nowMs: number): void {
    this.expire(nowMs);
    this.hasLeader = false;
  }

  /** A new leader gives every lease its whole TTL again. */
  promote(nowMs: number): void {
    this.expire(nowMs);
    this.hasLeader = true;
    for (const lease of this.#leases.values()) lease.expiryMs = nowMs + lease.ttlSeconds * 1_000 + ELECTION_MS;
  }

  #remove(leaseId: bigint, how: Removal): boolean {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return false;
    this.#leases.delete(leaseId);
    this.#removed.set(leaseId, how);
    lease.removed = how;
    for (const key of lease.keys) this.keys.delete(key);
    return true;
  }
}
