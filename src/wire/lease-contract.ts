/**
 * The lease half of the contract (contract.ts): what main asks of a shard's leases and what it is told. A lease is
 * addressed by its slot in the shard's shared state (lease-state.ts). What both must know of it (id, TTL, interval,
 * deadline) stands there and is not repeated in messages, so a command for 50,000 leases is one array of slots.
 */
import type { PlainError } from './errors.js';

/**
 * Row of a lease in the shared state; drawn by main, free again only after `lease-refused`, `lease-ended` or
 * `lease-forgotten` was reported, so that no report can meet a slot's next lease.
 */
export type LeaseSlot = number;

export type LeaseCommand =
  /**
   * Grant these leases, pipelined, and renew each from the moment of its grant. Id and TTL stand in the shared state.
   * Answered in groups by `lease-granted`, one by one by `lease-refused`.
   */
  | {
      readonly kind: 'grant';
      readonly slots: Uint32Array;
      /** The ids were drawn at random by main, so after an attempt of unknown outcome «already exists» means: it is ours. */
      readonly drawn: boolean;
      readonly timeoutMs: number;
      /** An earlier shard may have sent these grants already. */
      readonly resumed: boolean;
    }
  /** Renew leases granted elsewhere. The first renewal is sent at once and answered like a grant. */
  | { readonly kind: 'keep-alive'; readonly slots: Uint32Array; readonly timeoutMs: number }
  /** Go on with leases of a shard that crashed; deadlines and TTLs stand in the shared state. Not answered. */
  | { readonly kind: 'adopt'; readonly slots: Uint32Array }
  /** Take over intervals that main has changed in the shared state. Not answered. */
  | { readonly kind: 'reschedule'; readonly slots: Uint32Array }
  /** Stop renewing, leave the lease to run out on the server. Answered by `lease-forgotten`, except for slots that have ended. */
  | { readonly kind: 'forget'; readonly slots: Uint32Array }
  /**
   * Stop renewing, for good, and revoke, also grants that are on their way. Each slot is answered by its one `lease-ended`, or
   * `lease-refused` where its grant failed; before that `lease-revoke-failed` tells that the time was up, or that the server
   * refused. Repeated for a slot, it gives more time.
   */
  | { readonly kind: 'revoke'; readonly slots: Uint32Array; readonly timeoutMs: number };

/** How a lease ended. */
export type LeaseEndReason =
  /** Revoked by us. */
  | 'revoked'
  /** The server no longer renews it: revoked by somebody else, run out there, or refused (then with an error). */
  | 'lost'
  /** No answer came before its deadline. */
  | 'expired'
  /** Renewals were stopped because the main thread hung longer than `livenessMs`, or the machine was suspended. */
  | 'halted';

export type LeaseReport =
  /** TTL and deadline stand in the shared state. */
  | { readonly kind: 'lease-granted'; readonly slots: Uint32Array }
  /** A grant or first keep-alive failed: the lease never lived here. Its slot is free again. */
  | { readonly kind: 'lease-refused'; readonly slots: Uint32Array; readonly error: PlainError }
  /** The one end of leases that were granted. Their slots are free again. */
  | {
      readonly kind: 'lease-ended';
      readonly slots: Uint32Array;
      readonly reason: LeaseEndReason;
      readonly error: PlainError | undefined;
    }
  | { readonly kind: 'lease-forgotten'; readonly slots: Uint32Array }
  /**
   * It could not be revoked: after `timeoutMs` (code `timeout`; the shard goes on until its deadline), or the server refused (the
   * shard tries no more). It is not renewed in either case, and ends at its deadline.
   */
  | { readonly kind: 'lease-revoke-failed'; readonly slots: Uint32Array; readonly error: PlainError }
  /** Renewals of leases whose `observed` cell is set. */
  | { readonly kind: 'lease-renewed'; readonly slots: Uint32Array };
