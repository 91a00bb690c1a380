/**
 * What a transaction answered, matched with what it was asked. Main thread; pure.
 */
import { plainValue } from '../plain-value.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import type { ResponseHeader } from './key-value.js';
import { deleteResultFrom, headerFrom, malformed, putResultFrom, rangeResultFrom } from './responses.js';
import { TxnBuilder, type TxnStep, type TxnSteps } from './txn-builder.js';
import type { TxnResponse, TxnResult } from './txn-result.js';

/** @throws EtcdError `malformed-response` where answers and operations do not fit together. */
export function txnResultFrom(steps: TxnSteps, response: rpc.TxnResponse.$Properties): TxnResult {
  const header = headerFrom(response.header);
  return plainValue({ ...branchFrom(steps, response, header), header });
}

function branchFrom(
  steps: TxnSteps,
  response: rpc.TxnResponse.$Properties,
  header: ResponseHeader,
): Omit<TxnResult, 'header'> {
  const succeeded = response.succeeded === true;
  const branch = succeeded ? steps.success : steps.failure;
  const answers = response.responses ?? [];
  if (answers.length !== branch.length) throw malformed('a transaction with another number of answers than operations');
  return { succeeded, responses: branch.map((step, place) => responseFrom(step, answers[place] ?? {}, header)) };
}

function responseFrom(step: TxnStep, answer: rpc.ResponseOp.$Properties, header: ResponseHeader): TxnResponse {
  if (step instanceof TxnBuilder) {
    return plainValue({ kind: 'txn' as const, ...branchFrom(step.steps(), present(answer.responseTxn), header) });
  }
  switch (step.kind) {
    case 'put':
      return plainValue({ kind: 'put' as const, ...withoutHeader(putResultFrom(present(answer.responsePut), header)) });
    case 'get':
      return plainValue({
        kind: 'get' as const,
        kv: rangeResultFrom(present(answer.responseRange), header).kvs[0] ?? null,
      });
    case 'range':
      return plainValue({
        kind: 'range' as const,
        ...withoutHeader(rangeResultFrom(present(answer.responseRange), header)),
      });
    case 'delete':
      return plainValue({
        kind: 'delete' as const,
        ...withoutHeader(deleteResultFrom(present(answer.responseDeleteRange), header)),
      });
    default:
      return step.kind satisfies never;
  }
}

function present<T>(answer: T | null | undefined): T {
  if (answer === null || answer === undefined) throw malformed('an operation of a transaction without its answer');
  return answer;
}

function withoutHeader<T extends { readonly header: ResponseHeader }>(result: T): Omit<T, 'header'> {
  const { header: _header, ...rest } = result;
  return rest;
}
