/** What the lease service needs of the engine around it. Types only; main thread. */
import type { EtcdError } from '../../wire/errors.js';
import type { LeaseCommand } from '../../wire/lease-contract.js';

/** The way to the shards. */
export interface LeaseLink {
  /** How many shards there are; fixed for the life of an engine. */
  readonly shards: number;
  /**
   * Sends a command to a shard, in order. While a shard is being replaced it is dropped: `Leases.resume`
   * tells the successor everything.
   */
  send(shard: number, command: LeaseCommand): void;
  /** Why a shard failed for good, if it did. */
  failure(shard: number): EtcdError | undefined;
}

/** What a put, a transaction or a lock needs to know of a lease. Every {@link Lease} is one. */
export interface LeaseRef {
  readonly leaseId: bigint;
  /** False once the lease has ended; nothing needs to be sent then. */
  isAlive?(): boolean;
}
