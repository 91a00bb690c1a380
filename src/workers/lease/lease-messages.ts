/**
 * The unary messages that a shard's leases need (grant, revoke), encoded and decoded by hand: the workers carry no
 * generated code. Pure.
 */
import { malformed, ProtoReader, WIRE_VARINT } from '../../wire/proto-reader.js';
import { ProtoWriter } from '../../wire/proto-writer.js';

export const LEASE_GRANT_PATH = '/etcdserverpb.Lease/LeaseGrant';
export const LEASE_REVOKE_PATH = '/etcdserverpb.Lease/LeaseRevoke';
export const LEASE_KEEP_ALIVE_PATH = '/etcdserverpb.Lease/LeaseKeepAlive';

const reader = new ProtoReader();
const writer = new ProtoWriter(32);

/** LeaseGrantRequest. */
export function encodeGrant(ttlSeconds: number, leaseId: bigint): Uint8Array {
  writer.uintField(1, ttlSeconds);
  writer.int64Field(2, leaseId);
  return writer.take();
}

/**
 * LeaseGrantResponse: the TTL that the server chose, in seconds.
 *
 * @throws EtcdError `malformed-response`, also for a TTL that no lease has.
 */
export function decodeGrantTtl(response: Uint8Array): number {
  let ttlSeconds = 0;
  reader.reset(response, 0, response.length);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 3 * 8 + WIRE_VARINT) ttlSeconds = reader.ttlSeconds();
    else reader.skip(tag);
  }
  if (ttlSeconds <= 0) throw malformed('a lease was granted without a TTL');
  return ttlSeconds;
}

/** LeaseRevokeRequest. */
export function encodeRevoke(leaseId: bigint): Uint8Array {
  writer.int64Field(1, leaseId);
  return writer.take();
}
