/**
 * Comparisons and operations, and their protobuf form. It is kept beside the public objects so that no generated type is part of a
 * public one. Main thread; pure.
 */
import { describeValue, invalidOption } from '../../wire/arguments.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import type { Comparison, Operation, OperationKind } from './txn-types.js';

const comparisons = new WeakMap<object, rpc.Compare.$Properties>();
const operations = new WeakMap<object, rpc.RequestOp.$Properties>();

export function rememberCompare(request: rpc.Compare.$Properties): Comparison {
  const comparison: Comparison = Object.freeze({ kind: 'comparison' });
  comparisons.set(comparison, request);
  return comparison;
}

export function rememberOperation<Kind extends OperationKind>(
  kind: Kind,
  request: rpc.RequestOp.$Properties,
): Operation<Kind> {
  const operation: Operation<Kind> = Object.freeze({ kind });
  operations.set(operation, request);
  return operation;
}

/** @throws EtcdError `invalid-argument` for what `compare` did not make. */
export function compareRequest(comparison: unknown): rpc.Compare.$Properties {
  const request = typeof comparison === 'object' && comparison !== null ? comparisons.get(comparison) : undefined;
  if (request !== undefined) return request;
  const made = 'made by compare(key).value.equals(…) and the like';
  throw invalidOption(`if: comparisons must be ${made}, not ${describeValue(comparison)}`);
}

/** @throws EtcdError `invalid-argument` for what is none of the operations. */
export function operationRequest(operation: unknown, what: string = 'then'): rpc.RequestOp.$Properties {
  const request = typeof operation === 'object' && operation !== null ? operations.get(operation) : undefined;
  if (request !== undefined) return request;
  throw invalidOption(`${what}: steps must be made by put, get, range, del or txn, not ${describeValue(operation)}`);
}
