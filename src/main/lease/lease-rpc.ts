/** The unary lease calls of the main thread: about leases that may be held by anybody. */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { EtcdError } from '../../wire/errors.js';
import { bigintFromLong, MAX_TTL_SECONDS, type DecodedInt64 } from '../../wire/int64.js';
import { Bytes } from '../bytes.js';
import { plainValue } from '../plain-value.js';
import { long } from '../kv/requests.js';
import { malformed } from '../kv/responses.js';
import { kvMethods } from '../unary/etcd-methods.js';
import type { CallOptions } from '../unary/call-scope.js';
import type { UnaryClient } from '../unary/unary-client.js';
import type { UnaryMethod } from '../unary/unary-method.js';

/** What the server says of a lease. */
export interface LeaseTimeToLive {
  readonly leaseId: bigint;
  /** Seconds left. */
  readonly ttlSeconds: number;
  /** The TTL it was granted with. */
  readonly grantedTtlSeconds: number;
  /** Keys attached to it, where they were asked for. */
  readonly keys: readonly Bytes[];
}

export interface LeaseRpc {
  revoke(leaseId: bigint, options: CallOptions): Promise<void>;
  /** `undefined` where the server does not know the lease. */
  timeToLive(
    leaseId: bigint,
    options: CallOptions & { readonly keys?: boolean | undefined },
  ): Promise<LeaseTimeToLive | undefined>;
  list(options: CallOptions): Promise<bigint[]>;
  /** Seconds; 0 or less where the server does not know the lease. */
  keepAliveOnce(leaseId: bigint, options: CallOptions): Promise<number>;
}

const revokeMethod: UnaryMethod<bigint, undefined> = {
  path: '/etcdserverpb.Lease/LeaseRevoke',
  encode: (leaseId) => rpc.LeaseRevokeRequest.encode({ ID: long(leaseId) }).finish(),
  decode: () => undefined,
};

const timeToLiveMethod: UnaryMethod<{ leaseId: bigint; keys: boolean }, LeaseTimeToLive | undefined> = {
  path: '/etcdserverpb.Lease/LeaseTimeToLive',
  encode: ({ leaseId, keys }) => rpc.LeaseTimeToLiveRequest.encode({ ID: long(leaseId), keys }).finish(),
  decode: (bytes) => {
    const answer = rpc.LeaseTimeToLiveResponse.decode(bytes);
    const ttlSeconds = ttlFrom(answer.TTL);
    if (ttlSeconds < 0) return undefined;
    return plainValue({
      leaseId: bigintFromLong(answer.ID),
      ttlSeconds,
      grantedTtlSeconds: ttlFrom(answer.grantedTTL),
      keys: answer.keys.map((key) => Bytes.view(key)),
    });
  },
};

const listMethod: UnaryMethod<undefined, bigint[]> = {
  path: '/etcdserverpb.Lease/LeaseLeases',
  encode: () => new Uint8Array(0),
  decode: (bytes) => rpc.LeaseLeasesResponse.decode(bytes).leases.map((lease) => bigintFromLong(lease.ID)),
};

/** One request and one answer on what is a stream for others. */
const keepAliveMethod: UnaryMethod<bigint, number> = {
  path: '/etcdserverpb.Lease/LeaseKeepAlive',
  encode: (leaseId) => rpc.LeaseKeepAliveRequest.encode({ ID: long(leaseId) }).finish(),
  decode: (bytes) => ttlFrom(rpc.LeaseKeepAliveResponse.decode(bytes).TTL),
};

/** A TTL in seconds; 0 and less stand for a lease that is not there. */
function ttlFrom(value: DecodedInt64): number {
  const ttlSeconds = bigintFromLong(value);
  if (ttlSeconds > BigInt(MAX_TTL_SECONDS)) throw malformed('a TTL is longer than any that etcd grants');
  return Number(ttlSeconds);
}

/** The calls over the engine's unary client. */
export function leaseRpc(client: UnaryClient): LeaseRpc {
  const READ = { repeatable: true, requireLeader: true };
  return {
    revoke: async (leaseId, options) => {
      await client.call(revokeMethod, leaseId, { ...options, repeatable: false, requireLeader: true, leaseId });
    },
    timeToLive: async (leaseId, { keys = false, ...options }) => {
      try {
        return await client.call(timeToLiveMethod, { leaseId, keys }, { ...options, ...READ, leaseId });
      } catch (error) {
        // Some versions answer so instead of with a TTL of -1.
        if (error instanceof EtcdError && error.code === 'lease-not-found') return undefined;
        throw error;
      }
    },
    list: (options) => client.call(listMethod, undefined, { ...options, ...READ }),
    // Renewing twice renews no more than once.
    keepAliveOnce: (leaseId, options) => client.call(keepAliveMethod, leaseId, { ...options, ...READ, leaseId }),
  };
}

/**
 * Puts a key on a lease; again after a failure to answer, for as long as `mayRepeat` allows. `onUnknown` is told of each
 * attempt that a server may apply later, also where the put succeeds in the end.
 */
export type LeasePut = (
  key: Uint8Array,
  value: Uint8Array,
  leaseId: bigint,
  options: CallOptions & { readonly mayRepeat: () => boolean; readonly onUnknown: (error: EtcdError) => void },
) => Promise<void>;

/** Puts over the engine's unary client; the registration of a key needs no more of the kv service. */
export function leasePut(client: UnaryClient): LeasePut {
  return async (key, value, leaseId, options) => {
    const request = { key, value, lease: long(leaseId) };
    // Putting the same once more does no harm until something else was put: `mayRepeat` says when.
    const safety = { repeatable: true, requireLeader: true };
    await client.call(kvMethods.put, request, { ...options, ...safety, leaseId });
  };
}
