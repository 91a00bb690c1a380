/**
 * The protobuf form of whole transactions. Main thread; pure.
 */
import { invalidOption } from '../../wire/arguments.js';
import { EtcdError } from '../../wire/errors.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import { TxnBuilder, type TxnStep, type TxnSteps } from './txn-builder.js';
import { compareRequest, operationRequest } from './txn-parts.js';

/**
 * The request for a transaction.
 *
 * @throws EtcdError `invalid-argument` for an empty one, one nested in itself;
 * `duplicate-key` for a key that one branch puts twice, which etcd refuses as well.
 */
export function txnRequest(steps: TxnSteps): rpc.TxnRequest.$Properties {
  if (steps.comparisons.length + steps.success.length + steps.failure.length === 0) {
    throw invalidOption('a transaction needs at least one comparison or operation');
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
    const request = stepRequest(step, outer);
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

function stepRequest(step: TxnStep, outer: readonly TxnBuilder[]): rpc.RequestOp.$Properties {
  if (step instanceof TxnBuilder) {
    if (outer.includes(step)) throw invalidOption('a transaction must not be nested in itself');
    return { requestTxn: requestFrom(step.steps(), [...outer, step]) };
  }
  return operationRequest(step);
}
