/** What may stand for leases in a call: ids, lease objects, sessions, and many of these. Main thread; pure. */
import { namedLeaseId } from '../kv/lease-input.js';
import { LeaseCollection } from './lease-collection.js';

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
  return namedLeaseId(lease, 'revoke: leases');
}

/** Texts are iterable, and none is a list of leases. */
function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !('leaseId' in value);
}
