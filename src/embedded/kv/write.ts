/**
 * Puts and deletions, alone or inside a transaction. Pure.
 */
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import { longFromNumber } from '../long.js';
import { failure } from '../rpc-failure.js';
import { keySpan } from '../store/key-span.js';
import type { KvStore } from '../store/kv-store.js';
import { keyTextOf, keyValueMessage } from '../store/stored-value.js';
import type { StoreWriter } from '../store/write-transaction.js';

/** What puts ask of the leases. */
export interface KnownLeases {
  has(leaseId: bigint): boolean;
  /** The texts of the keys on it; none where there is no such lease. */
  keysOf(leaseId: bigint): readonly string[];
}

/** @throws RpcFailure for a lease that does not exist. */
export function checkLease(leases: KnownLeases, request: rpc.PutRequest): void {
  const leaseId = bigintFromLong(request.lease);
  if (leaseId !== 0n && !leases.has(leaseId)) throw failure('leaseNotFound');
}

/** @throws RpcFailure for a key that is not there, when its value or lease is to be kept. */
export function checkKept(store: Pick<KvStore, 'get'>, request: rpc.PutRequest): void {
  if (!request.ignoreValue && !request.ignoreLease) return;
  if (store.get(keyTextOf(request.key)) === undefined) throw failure('keyNotFound');
}

/** The answer is without its header. What can be refused has been checked. */
export function applyPut(writer: StoreWriter, request: rpc.PutRequest): rpc.PutResponse.$Properties {
  const kept = request.ignoreValue || request.ignoreLease ? writer.get(keyTextOf(request.key)) : undefined;
  const value = request.ignoreValue ? kept?.value : request.value;
  const lease = request.ignoreLease ? kept?.lease : bigintFromLong(request.lease);
  const before = writer.put(request.key, value ?? request.value, lease ?? 0n);
  return request.prevKv && before !== undefined ? { prevKv: keyValueMessage(before) } : {};
}

/** The answer is without its header. */
export function applyDelete(writer: StoreWriter, request: rpc.DeleteRangeRequest): rpc.DeleteRangeResponse.$Properties {
  const deleted = writer.delete(keySpan(request.key, request.rangeEnd));
  const answer: rpc.DeleteRangeResponse.$Properties = { deleted: longFromNumber(deleted.length) };
  if (request.prevKv) answer.prevKvs = deleted.map((stored) => keyValueMessage(stored));
  return answer;
}
