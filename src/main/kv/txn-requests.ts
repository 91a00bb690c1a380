/**
 * The protobuf form of comparisons, operations and whole transactions. It is kept beside the public objects so that no
 * generated type is part of a public one. Main thread; pure.
 */
import { EtcdError } from '../../wire/errors.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import { refusal } from './kv-options.js';
import {
  TxnBuilder,
  type Comparison,
  type Operation,
  type OperationKind,
  type TxnStep,
  type TxnSteps,
} from './txn-builder.js';

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

/**
 * The request for a transaction.
 *
 * @throws EtcdError `invalid-argument` for an empty one, one nested in itself, or what was not made by the builders;
 * `duplicate-key` for a key that one branch puts twice, which etcd refuses as well.
 */
export function txnRequest(steps: TxnSteps): rpc.TxnRequest.$Properties {
  if (steps.comparisons.length + steps.success.length + steps.failure.length === 0) {
    throw refusal('a transaction needs at least one comparison or operation');
  }
  return requestFrom(steps, []);
}

/** Whether no branch writes: then the transaction may be sent again like any read. */
export function isReadOnly(steps: TxnSteps): boolean {
  return [...steps.success, ...steps.failure].every((step) =>
    step instanceof TxnBuilder ? isReadOnly(step.steps()) : step.kind === 'get' || step.kind === 'range',
  );
}

function requestFrom(steps: TxnSteps, outer: readonly TxnBuilder[]): rpc.TxnRequest.$Properties {
  return {
    compare: steps.comparisons.map(compareRequest),
    success: branchRequests(steps.success, outer, 'then'),
    failure: branchRequests(steps.failure, outer, 'else'),
  };
}

function branchRequests(
  branch: readonly TxnStep[],
  outer: readonly TxnBuilder[],
  name: string,
): rpc.RequestOp.$Properties[] {
  const keysPut = new Set<string>();
  return branch.map((step) => {
    const request = stepRequest(step, outer, name);
    const key = request.requestPut?.key;
    if (key !== null && key !== undefined) {
      const text = Buffer.from(key).toString('latin1');
      if (keysPut.has(text)) {
        throw new EtcdError(`${name}() puts one key twice: put each key at most once in a transaction`, {
          code: 'duplicate-key',
          outcome: 'not-sent',
        });
      }
      keysPut.add(text);
    }
    return request;
  });
}

function stepRequest(step: TxnStep, outer: readonly TxnBuilder[], name: string): rpc.RequestOp.$Properties {
  if (step instanceof TxnBuilder) {
    if (outer.includes(step)) throw refusal('a transaction must not be nested in itself');
    return { requestTxn: requestFrom(step.steps(), [...outer, step]) };
  }
  const request = typeof step === 'object' ? operations.get(step) : undefined;
  if (request === undefined) throw refusal(`${name}() takes operations, made by put, get, range, del or txn`);
  return request;
}

function compareRequest(comparison: Comparison): rpc.Compare.$Properties {
  const request = typeof comparison === 'object' ? comparisons.get(comparison) : undefined;
  if (request === undefined) throw refusal('if() takes comparisons, made by compare(key).value.equals(…) and the like');
  return request;
}
