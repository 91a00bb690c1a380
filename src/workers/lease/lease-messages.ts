/**
 * The unary messages that a shard's leases need (grant, revoke, member status), encoded and decoded by hand: the workers
 * carry no generated code. Pure.
 */
import { EtcdError } from '../../wire/errors.js';

export const LEASE_GRANT_PATH = '/etcdserverpb.Lease/LeaseGrant';
export const LEASE_REVOKE_PATH = '/etcdserverpb.Lease/LeaseRevoke';
export const LEASE_KEEP_ALIVE_PATH = '/etcdserverpb.Lease/LeaseKeepAlive';
export const STATUS_PATH = '/etcdserverpb.Maintenance/Status';

/** LeaseGrantRequest. */
export function encodeGrant(ttlSeconds: number, leaseId: bigint): Uint8Array {
  const bytes: number[] = [0x08];
  pushVarint(bytes, BigInt(ttlSeconds));
  bytes.push(0x10);
  pushVarint(bytes, leaseId);
  return Uint8Array.from(bytes);
}

/** LeaseGrantResponse: the TTL that the server chose, in seconds. */
export function decodeGrantTtl(response: Uint8Array): number {
  let ttlSeconds = 0;
  eachField(response, (field, value) => {
    if (field === 3 && typeof value === 'bigint') ttlSeconds = Number(BigInt.asIntN(64, value));
  });
  return ttlSeconds;
}

/** LeaseRevokeRequest. */
export function encodeRevoke(leaseId: bigint): Uint8Array {
  const bytes: number[] = [0x08];
  pushVarint(bytes, leaseId);
  return Uint8Array.from(bytes);
}

/** What of a StatusResponse is looked at. */
export interface MemberStatus {
  /** 0 where the member does not tell. */
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Member id of the leader; 0 where there is none. */
  readonly leaderId: bigint;
  readonly version: string;
}

/** StatusResponse. */
export function decodeStatus(response: Uint8Array): MemberStatus {
  let clusterId = 0n;
  let memberId = 0n;
  let leaderId = 0n;
  let version = '';
  eachField(response, (field, value) => {
    if (field === 1 && typeof value !== 'bigint') {
      eachField(value, (headerField, headerValue) => {
        if (headerField === 1 && typeof headerValue === 'bigint') clusterId = headerValue;
        if (headerField === 2 && typeof headerValue === 'bigint') memberId = headerValue;
      });
    }
    if (field === 2 && typeof value !== 'bigint') version = new TextDecoder().decode(value);
    if (field === 4 && typeof value === 'bigint') leaderId = value;
  });
  return { clusterId, memberId, leaderId, version };
}

function pushVarint(bytes: number[], value: bigint): void {
  let left = BigInt.asUintN(64, value);
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  bytes.push(Number(left));
}

/** Calls back for each varint (as bigint) and length-delimited field (as its bytes) in order. */
function eachField(message: Uint8Array, visit: (field: number, value: bigint | Uint8Array) => void): void {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw malformed();
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed();
  };
  while (at < message.length) {
    const tag = Number(varint());
    const field = tag >>> 3;
    switch (tag & 7) {
      case 0:
        visit(field, varint());
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        if (at + length > message.length) throw malformed();
        visit(field, message.subarray(at, at + length));
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw malformed();
    }
  }
  if (at !== message.length) throw malformed();
}

function malformed(): EtcdError {
  return new EtcdError('the server sent an answer that cannot be read', { code: 'malformed-response' });
}
