/** Options of the lease service and their checks. Main thread; pure. */
import {
  checkOptions,
  functionRule,
  integerRule,
  invalidOption,
  MAX_TIMEOUT_MS,
  signalRule,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';
import { MAX_TTL_SECONDS, requireInt64 } from '../../wire/int64.js';
import { CallLimit } from './call-limit.js';

const MIN_INTERVAL_MS = 50;
const MAX_INTERVAL_MS = 2 ** 32 - 1;

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

export type SessionOptions = Pick<GrantOptions, 'ttlSeconds' | 'intervalMs'>;

/** Options of `register()`. */
export interface RegisterOptions extends SessionOptions {
  /** Gives up before the key stands. */
  readonly signal?: AbortSignal | undefined;
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
export function revokeLimit(options: RevokeOptions, count: number): CallLimit {
  checkOptions<RevokeOptions>(options, revokeRules, 'revoke');
  return new CallLimit(options, CALL_TIMEOUT_MS + count);
}

const leaseIdRule: OptionRule = (value, name) => void checkedLeaseId(value, name);

const ttlRule = integerRule(1, MAX_TTL_SECONDS);
const intervalRule = integerRule(MIN_INTERVAL_MS, MAX_INTERVAL_MS);
const limitRule = integerRule(1, MAX_TIMEOUT_MS);

const sessionRules: OptionTable<SessionOptions> = { ttlSeconds: ttlRule, intervalMs: intervalRule };
const registerRules: OptionTable<RegisterOptions> = { ...sessionRules, signal: signalRule };
const grantRules: OptionTable<GrantOptions> = { ...registerRules, timeoutMs: limitRule, leaseId: leaseIdRule };
const grantManyRules: OptionTable<GrantManyOptions> = {
  ...registerRules,
  timeoutMs: limitRule,
  onProgress: functionRule,
};
const revokeRules: OptionTable<RevokeOptions> = { timeoutMs: limitRule, signal: signalRule };
const keepAliveRules: OptionTable<KeepAliveOptions> = {
  intervalMs: intervalRule,
  timeoutMs: limitRule,
  signal: signalRule,
};

/** The checks of options, each by its method: @throws EtcdError `invalid-argument`. */
export const checkLease = {
  grant: (options: GrantOptions): void => {
    checkOptions<GrantOptions>(options, grantRules, 'grant', ['ttlSeconds']);
  },
  grantMany: (options: GrantManyOptions): void => {
    checkOptions<GrantManyOptions>(options, grantManyRules, 'grantMany', ['ttlSeconds']);
  },
  keepAlive: (options: KeepAliveOptions): void => {
    checkOptions<KeepAliveOptions>(options, keepAliveRules, 'keepAlive');
  },
  session: (options: SessionOptions): void => {
    checkOptions<SessionOptions>(options, sessionRules, 'session', ['ttlSeconds']);
  },
  register: (options: RegisterOptions): void => {
    checkOptions<RegisterOptions>(options, registerRules, 'register', ['ttlSeconds']);
  },
};

/** Any id but 0, which etcd takes for «choose one»; negative ones are legal. */
export function checkedLeaseId(value: unknown, name: string): bigint {
  const leaseId = requireInt64(value, name);
  if (leaseId !== 0n) return leaseId;
  throw invalidOption(`${name} must not be 0n: leave it out to have one drawn`);
}

export function checkedCount(value: number): number {
  integerRule(1, 1_000_000)(value, 'grantMany: count');
  return value;
}
