/** Options of the lease service and their checks. Main thread; pure. */
import { EtcdError } from '../../wire/errors.js';
import { MAX_TTL_SECONDS, requireInt64 } from '../../wire/int64.js';
import { CallLimit } from './call-limit.js';

const MIN_INTERVAL_MS = 50;
const MAX_INTERVAL_MS = 2 ** 32 - 1;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Options of every grant. */
export interface GrantManyOptions {
  /** Time to live, whole seconds from 1. The server may answer more: its minimum is about 2 s. */
  readonly ttlSeconds: number;
  /** How often to renew. Default: a third of the TTL answered. More than two thirds of it counts as two thirds. */
  readonly intervalMs?: number | undefined;
  /** Limit for the whole call, in milliseconds. Default 10,000, and for many leases 1 ms more for each. */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up with code `aborted`; what was granted by then is revoked. */
  readonly signal?: AbortSignal | undefined;
  /**
   * For many leases: called as grants are answered, with their number so far. What it throws is an uncaught exception of the
   * process, in a later turn; the grants go on.
   */
  readonly onProgress?: ((answered: number) => void) | undefined;
}

export interface GrantOptions extends Omit<GrantManyOptions, 'onProgress'> {
  /** The lease's id; not 0n. Default: drawn at random from 1 to 2^63-1. */
  readonly leaseId?: bigint | undefined;
}

export interface KeepAliveOptions {
  /** How often to renew. Default: a third of the lease's TTL. More than two thirds of it counts as two thirds. */
  readonly intervalMs?: number | undefined;
  /** Limit for the first answer, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RevokeOptions {
  /** Limit for the whole call, in milliseconds. Default 10,000, and for many leases 1 ms more for each. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting with code `aborted`. The lease is not renewed any longer; its revocation goes on in the background. */
  readonly signal?: AbortSignal | undefined;
}

/** Limit for a grant, first renewal or revocation that names none; many get 1 ms more for each. */
export const CALL_TIMEOUT_MS = 10_000;

/** @throws EtcdError `invalid-argument`, `aborted`. */
export function revokeLimit({ timeoutMs, signal }: RevokeOptions, count: number): CallLimit {
  const checkedMs = timeoutMs === undefined ? undefined : checkedTimeout(timeoutMs, 0);
  return new CallLimit({ timeoutMs: checkedMs, signal }, CALL_TIMEOUT_MS + count);
}

export function checkedTtlSeconds(value: number): number {
  return checkedInteger(value, 'ttlSeconds', 1, MAX_TTL_SECONDS);
}

/** 0 stands for the default. */
export function checkedIntervalMs(value: number | undefined): number {
  return value === undefined ? 0 : checkedInteger(value, 'intervalMs', MIN_INTERVAL_MS, MAX_INTERVAL_MS);
}

export function checkedTimeout(value: number | undefined, fallbackMs: number): number {
  return value === undefined ? fallbackMs : checkedInteger(value, 'timeoutMs', 1, MAX_TIMEOUT_MS);
}

/** Any id but 0, which etcd takes for «choose one»; negative ones are legal. */
export function checkedLeaseId(value: unknown): bigint {
  const leaseId = requireInt64(value, 'leaseId');
  if (leaseId !== 0n) return leaseId;
  throw new EtcdError('leaseId must not be 0n: leave it out to have one drawn', {
    code: 'invalid-argument',
    outcome: 'not-sent',
  });
}

export function checkedCount(value: number): number {
  return checkedInteger(value, 'count', 1, 1_000_000);
}

function checkedInteger(value: number, name: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new EtcdError(`${name} must be an integer from ${String(min)} to ${String(max)}, not ${String(value)}`, {
    code: 'invalid-argument',
    outcome: 'not-sent',
  });
}
