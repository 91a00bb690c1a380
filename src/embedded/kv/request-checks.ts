/**
 * What etcd refuses before it looks at the store, in its order. Pure.
 */
import type { DecodedOperation, DecodedTxn } from './decoded-txn.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import { failure } from '../rpc-failure.js';
import { checkDuplicatePuts } from './duplicate-puts.js';

/** etcd's default of `--max-txn-ops`. */
export const MAX_TXN_OPS = 128;

/** @throws RpcFailure. */
export function checkKey(request: { readonly key: Uint8Array }): void {
  if (request.key.length === 0) throw failure('emptyKey');
}

/** @throws RpcFailure. */
export function checkPut(request: rpc.PutRequest): void {
  checkKey(request);
  if (request.ignoreValue && request.value.length > 0) throw failure('valueProvided');
  if (request.ignoreLease && (request.lease.low !== 0 || request.lease.high !== 0)) throw failure('leaseProvided');
}

/** @throws RpcFailure. */
export function checkTxn(request: DecodedTxn): void {
  checkOperations(request, MAX_TXN_OPS);
  checkDuplicatePuts(request.success);
  checkDuplicatePuts(request.failure);
}

/** A transaction inside another one may have only as many operations as the outer one leaves. */
function checkOperations(request: DecodedTxn, allowed: number): void {
  const used = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (used > allowed) throw failure('tooManyOps');
  request.compare.forEach(checkKey);
  for (const operation of [...request.success, ...request.failure]) checkOperation(operation, allowed - used);
}

function checkOperation(operation: DecodedOperation, allowed: number): void {
  if (operation.requestRange) checkKey(operation.requestRange);
  else if (operation.requestPut) checkPut(operation.requestPut);
  else if (operation.requestDeleteRange) checkKey(operation.requestDeleteRange);
  else if (operation.requestTxn) checkOperations(operation.requestTxn, allowed);
  // etcd's answer to an operation without a request.
  else throw failure('keyNotFound');
}
