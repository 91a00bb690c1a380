/** A lease as an argument: an id, a lease object, or a session with the lease it holds. Main thread; pure. */
import { describeValue, invalidOption, type OptionRule } from '../../wire/arguments.js';
import { EtcdError, LeaseError } from '../../wire/errors.js';
import { INT64_MIN, requireInt64 } from '../../wire/int64.js';

/**
 * A lease, its id, or a session, which stands for the lease that it holds. A lease that has ended (`isAlive()` is false), and a
 * session that holds none at this moment, are refused before anything is sent, code `lease-ended`; `retryable` is true where the
 * session is between two leases, and false where it was closed.
 */
export type LeaseInput =
  | bigint
  | { readonly leaseId: bigint; isAlive?(): boolean }
  | {
      readonly lease: { readonly leaseId: bigint; isAlive?(): boolean } | undefined;
      close(): unknown;
      isClosed?(): boolean;
    };

const LEASE_ALLOWED = "a lease, a session or a lease's id (bigint)";

/** Checks what kind of value it is; {@link leaseIdOf} whether the lease can be used. */
export const leaseRule: OptionRule = (value, name) => {
  const lease = isSession(value) ? (value.lease ?? 1n) : value;
  if (typeof lease === 'bigint') {
    requireLeaseId(lease, name);
  } else if (typeof lease === 'object' && lease !== null && 'leaseId' in lease) {
    requireLeaseId(lease.leaseId, `${name}.leaseId`);
  } else {
    const hint = value === undefined ? ' (no lease is held at this moment?); leave it out to put without one' : '';
    throw invalidOption(`${name} must be ${LEASE_ALLOWED}, not ${describeValue(value)}${hint}`);
  }
};

function requireLeaseId(value: unknown, name: string): void {
  requireInt64(value, name, INT64_MIN);
  if (value === 0n) throw invalidOption(`${name} must not be 0n, which is no lease; leave it out instead`);
}

/** The id to compare with: 0n, for no lease, is one too. @throws as {@link leaseIdOf}, but for an ended lease. */
export function comparedLeaseId(lease: unknown, name: string): bigint {
  if (lease === 0n) return 0n;
  leaseRule(lease, name);
  return idOf(lease, name);
}

/**
 * The id of a lease that is to be used.
 *
 * @throws EtcdError `invalid-argument` for what is no lease, `lease-ended` for one that is not held any more.
 */
export function leaseIdOf(lease: unknown, name: string): bigint {
  leaseRule(lease, name);
  const leaseId = idOf(lease, name);
  // A lease object of `etcd.leases` knows whether it is held.
  if (says(lease, 'isAlive', false)) {
    const message = `lease ${String(leaseId)} has ended here, so nothing was sent: grant another one`;
    throw new LeaseError(message, leaseId, { code: 'lease-ended', outcome: 'not-sent' });
  }
  return leaseId;
}

/**
 * The id of a lease that is asked about, ended or not: the server knows best what has become of it.
 *
 * @throws EtcdError `invalid-argument` for what is no lease, `lease-ended` for a session that holds none.
 */
export function namedLeaseId(lease: unknown, name: string): bigint {
  if (lease === undefined) throw invalidOption(`${name} must be ${LEASE_ALLOWED}, not undefined`);
  leaseRule(lease, name);
  return idOf(lease, name);
}

/** Of a value that {@link leaseRule} has let through. */
function idOf(lease: unknown, name: string): bigint {
  const held = isSession(lease) ? lease.lease : lease;
  if (held === undefined) {
    if (says(lease, 'isClosed', true)) {
      const message = `${name}: the session was closed, so it holds no lease any more: open another one`;
      throw new EtcdError(message, { code: 'lease-ended', outcome: 'not-sent' });
    }
    const message = `${name}: the session holds no lease at this moment: try again when it tells 'granted'`;
    throw new EtcdError(message, { code: 'lease-ended', outcome: 'not-sent', retryable: true });
  }
  return (typeof held === 'object' && held !== null && 'leaseId' in held ? held.leaseId : held) as bigint; // checked
}

/** A session has no id of its own: it changes with each lease. */
function isSession(value: unknown): value is { readonly lease: unknown } {
  return typeof value === 'object' && value !== null && !('leaseId' in value) && 'lease' in value && 'close' in value;
}

/** Whether it has this method, which gives this answer. */
function says(value: unknown, method: 'isAlive' | 'isClosed', answer: boolean): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const asked: unknown = Reflect.get(value, method);
  return typeof asked === 'function' && Reflect.apply(asked, value, []) === answer;
}
