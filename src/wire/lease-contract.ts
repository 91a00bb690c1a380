/**
 * The lease half of the contract (contract.ts): what main asks of a shard's leases and what it is told. A lease is
 * addressed by its slot in the engine's shared state (lease-state.ts), where its deadline can be read at any time
 * without a message.
 */
import type { PlainError } from './errors.js';

/** Index of a lease in the shared deadlines; drawn by main, free again only after its end was reported. */
export type LeaseSlot = number;

export type LeaseCommand =
  /** Grant these leases, pipelined, and renew each from the moment of its grant. Answered one by one or in groups by `lease-granted`. */
  | {
      readonly kind: 'grant';
      readonly slots: Uint32Array;
      readonly leaseIds: BigInt64Array;
      readonly ttlSeconds: number;
      /** 0: a third of the TTL that the server answered. */
      readonly intervalMs: number;
    }
  /** Renew a lease granted elsewhere. The first renewal is sent at once and answers with `lease-granted`. */
  | {
      readonly kind: 'keep-alive';
      readonly slot: LeaseSlot;
      readonly leaseId: bigint;
      readonly intervalMs: number;
    }
  /** Stop renewing, leave the lease to run out on the server. No end is reported. */
  | { readonly kind: 'forget'; readonly slots: Uint32Array }
  /** Stop renewing and revoke. Each slot is answered by its one `lease-ended`. */
  | { readonly kind: 'revoke'; readonly slots: Uint32Array }
  /** Tell main of every renewal of these leases, or no longer. */
  | { readonly kind: 'observe-renewals'; readonly slots: Uint32Array; readonly on: boolean };

/** How a lease ended. */
export type LeaseEndReason =
  /** Revoked by us. */
  | 'revoked'
  /** The server no longer knows it: somebody else revoked it, or it ran out there. */
  | 'lost'
  /** No answer came before its deadline. */
  | 'expired'
  /** Renewals were stopped because the main thread hung longer than `livenessMs`, or the machine was suspended. */
  | 'halted';

export type LeaseReport =
  | {
      readonly kind: 'lease-granted';
      readonly slots: Uint32Array;
      /** As the server answered, in seconds; may be more than was asked for. */
      readonly ttlSeconds: Float64Array;
    }
  /** A grant or first keep-alive failed: the lease never lived here. Its slot is free again. */
  | { readonly kind: 'lease-refused'; readonly slot: LeaseSlot; readonly error: PlainError }
  /** The one end of a lease that was granted. Its slot is free again. */
  | {
      readonly kind: 'lease-ended';
      readonly slot: LeaseSlot;
      readonly reason: LeaseEndReason;
      readonly error: PlainError | undefined;
    }
  | { readonly kind: 'lease-renewed'; readonly slots: Uint32Array; readonly ttlSeconds: Float64Array };
