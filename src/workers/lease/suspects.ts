/**
 * Which leases to try apart from the others after a stream ended, or stood still, because of one of them. Pure.
 */
import { remedyFor } from '../../member/failure.js';
import type { EtcdError } from '../../wire/errors.js';

/**
 * Splits the unanswered renewals of a stream (oldest first) into groups, each to be sent on a stream of its own. etcd
 * answers in order, so the oldest is the likely culprit and stands alone; the others are halved, so that the search ends
 * in a logarithmic number of rounds even where answers overtake each other.
 */
export function splitSuspects(slots: readonly number[]): number[][] {
  const [oldest, ...others] = slots;
  if (oldest === undefined) return [];
  const middle = Math.ceil(others.length / 2);
  return [[oldest], others.slice(0, middle), others.slice(middle)].filter((group) => group.length > 0);
}

/** Errors that etcd gives for one lease, although they end the whole stream. What another member would not say is none of them. */
export function endsWithItsLease(error: EtcdError): boolean {
  if (remedyFor(error) === 'elsewhere') return false;
  switch (error.code) {
    case 'permission-denied':
    case 'lease-not-found':
      return true;
    case 'server-error':
    case 'unauthenticated':
      return error.outcome === 'refused';
    default:
      return false;
  }
}
