/** What may stand for leases in a call: ids, lease objects, and many of both. Main thread; pure. */
import { describeKind, invalidOption } from '../../wire/arguments.js';
import { LeaseCollection } from './lease-collection.js';
import { checkedLeaseId } from './lease-options.js';

/** A lease, or its id. */
export type LeaseOrId = bigint | { readonly leaseId: bigint };

/**
 * The ids of a lease or of many.
 *
 * @throws EtcdError `invalid-argument`.
 */
export function leaseIdsOf(leases: unknown): { readonly leaseIds: readonly bigint[]; readonly isOne: boolean } {
  if (leases instanceof LeaseCollection) {
    return { leaseIds: Array.from({ length: leases.size }, (_, index) => leases.leaseIdAt(index)), isOne: false };
  }
  if (isIterable(leases)) return { leaseIds: Array.from(leases, leaseIdOf), isOne: false };
  return { leaseIds: [leaseIdOf(leases)], isOne: true };
}

function leaseIdOf(lease: unknown): bigint {
  if (typeof lease === 'bigint') return checkedLeaseId(lease, 'revoke: leases');
  if (typeof lease === 'object' && lease !== null && 'leaseId' in lease)
    return checkedLeaseId(lease.leaseId, 'revoke: leases');
  throw invalidOption(`revoke: leases must be a bigint, a lease, or an iterable of these, not ${describeKind(lease)}`);
}

/** Texts are iterable, and none is a list of leases. */
function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !('leaseId' in value);
}
