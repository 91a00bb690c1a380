/**
 * The options of the kv calls and how they are checked: everything wrong is refused here, before anything is sent, naming the
 * option and what is allowed. Main thread; pure.
 */
import { EtcdError, LeaseError } from '../../wire/errors.js';
import { INT64_MIN, requireInt64 } from '../../wire/int64.js';
import type { CallOptions } from '../unary/call-scope.js';

/** A lease, or its id. A lease that has ended (`isAlive()` is false) is refused before anything is sent, code `lease-ended`. */
export type LeaseInput = bigint | { readonly leaseId: bigint; isAlive?(): boolean };

/** What a read of one key may ask for. */
export interface GetOptions {
  /** Read the store as it was at this revision. Default: now. A compacted one fails with `compacted`. */
  readonly revision?: bigint | undefined;
  /**
   * Let the member answer from what it has, without asking the leader: faster, works without a quorum, and may be stale.
   * Default false: the answer reflects every write that was acknowledged before.
   */
  readonly serializable?: boolean | undefined;
}

/** What narrows a read of many keys. */
export interface RangeFilters extends GetOptions {
  /** Leave the values out. */
  readonly keysOnly?: boolean | undefined;
  /** Only keys last changed in this revision or later (etcd reads the whole range to find them). */
  readonly minModRevision?: bigint | undefined;
  readonly maxModRevision?: bigint | undefined;
  /** Only keys created in this revision or later. */
  readonly minCreateRevision?: bigint | undefined;
  readonly maxCreateRevision?: bigint | undefined;
}

export type SortBy = 'key' | 'version' | 'createRevision' | 'modRevision' | 'value';

export interface RangeOptions extends RangeFilters {
  /** At most so many keys, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Only `count`, no keys. */
  readonly countOnly?: boolean | undefined;
  /** By what etcd sorts; ascending unless told otherwise. Default: by key. With `limit`, the first in this order are given. */
  readonly sort?: { readonly by: SortBy; readonly order?: 'ascending' | 'descending' | undefined } | undefined;
}

export interface PutOptions {
  /** Hang the key on this lease: it is deleted when the lease ends. Without it the key loses the lease it had. */
  readonly lease?: LeaseInput | undefined;
  /** Answer with what the key was before. */
  readonly prevKv?: boolean | undefined;
  /** Keep the value that the key has (the value given must be undefined). Fails where there is no such key. */
  readonly ignoreValue?: boolean | undefined;
  /** Keep the lease that the key has. Fails where there is no such key. */
  readonly ignoreLease?: boolean | undefined;
}

export interface DeleteOptions {
  /** Answer with what was deleted. */
  readonly prevKv?: boolean | undefined;
}

export interface CompactOptions {
  /** Answer only when the history is gone from the member's disk. */
  readonly physical?: boolean | undefined;
}

export const CALL_OPTIONS: readonly (keyof CallOptions)[] = ['signal', 'timeoutMs'];
export const GET_OPTIONS: readonly (keyof GetOptions)[] = ['revision', 'serializable'];
export const RANGE_OPTIONS: readonly (keyof RangeOptions)[] = [
  ...GET_OPTIONS,
  'keysOnly',
  'minModRevision',
  'maxModRevision',
  'minCreateRevision',
  'maxCreateRevision',
  'limit',
  'countOnly',
  'sort',
];
export const PUT_OPTIONS: readonly (keyof PutOptions)[] = ['lease', 'prevKv', 'ignoreValue', 'ignoreLease'];
export const DELETE_OPTIONS: readonly (keyof DeleteOptions)[] = ['prevKv'];
export const COMPACT_OPTIONS: readonly (keyof CompactOptions)[] = ['physical'];

/** Refuses what is no options object, and options that do not exist (a typing error would be ignored silently). */
export function checkNames(options: object, where: string, ...allowed: readonly (readonly string[])[]): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refusal(`the options of ${where} must be an object`);
  const names = allowed.flat();
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw refusal(`${where} has no option '${name}'; allowed are ${names.join(', ')}`);
  }
}

export function optionalBoolean(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw refusal(`${name} must be true or false, not a value of type ${typeof value}`);
}

/** A revision option: from 1n, since 0n means "none" to etcd. */
export function optionalRevision(value: unknown, name: string): bigint | undefined {
  return value === undefined ? undefined : requireInt64(value, name, 1n);
}

export function optionalCount(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw refusal(`${name} must be a whole number from 1; leave it out for no limit`);
}

/** The id of a lease, 0n (no lease) included. */
export function anyLeaseIdOf(lease: unknown, name: string): bigint {
  const id: unknown = typeof lease === 'object' && lease !== null && 'leaseId' in lease ? lease.leaseId : lease;
  return requireInt64(id, name, INT64_MIN);
}

export function leaseIdOf(lease: unknown, name: string): bigint {
  const leaseId = anyLeaseIdOf(lease, name);
  if (hasEnded(lease)) {
    const message = `lease ${String(leaseId)} has ended here, so nothing was sent: grant another one`;
    throw new LeaseError(message, leaseId, { code: 'lease-ended', outcome: 'not-sent' });
  }
  if (leaseId === 0n) throw refusal(`${name} must not be 0n, which is no lease; leave it out instead`);
  return leaseId;
}

/** A lease object of `etcd.leases` knows whether it is held. */
function hasEnded(lease: unknown): boolean {
  const { isAlive } = (typeof lease === 'object' && lease !== null ? lease : {}) as { isAlive?: unknown }; // checked next
  return typeof isAlive === 'function' && Reflect.apply(isAlive, lease, []) === false;
}

export function refusal(message: string): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent' });
}
