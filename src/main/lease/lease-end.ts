/** How a lease ended, as the application is told. */
import { LeaseError, type EtcdError } from '../../wire/errors.js';
import type { LeaseEndReason } from '../../wire/lease-contract.js';

/**
 * Why a lease is no longer held here:
 * - `revoked`: by us. Its keys are gone.
 * - `lost`: the server no longer renews it: revoked by somebody else, run out there, or refused (then `error` says why).
 * - `expired`: no answer came before its deadline. The server may hold it a little longer, after an election for instance.
 * - `halted`: the main thread hung longer than `livenessMs`, or the machine was suspended. It runs out on the server.
 * - `released`: given back by `release()`, or the engine was closed. It runs out on the server.
 */
export type LeaseEndCause = LeaseEndReason | 'released';

/** The one end of a lease. */
export interface LeaseEnd {
  readonly leaseId: bigint;
  readonly reason: LeaseEndCause;
  /** What the server said, or why it could not be reached, where that is known. */
  readonly error?: EtcdError | undefined;
}

/** The error that operations on a lease which has ended fail with, and the reason of its signal. */
export function leaseEndedError(end: LeaseEnd): LeaseError {
  const message = `lease ${String(end.leaseId)} has ended here (${end.reason}): grant another one`;
  return new LeaseError(message, end.leaseId, { code: 'lease-ended', outcome: 'not-sent', cause: end.error });
}
