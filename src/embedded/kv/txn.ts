/**
 * Transactions: which branches run is decided, and all that can be refused is checked, before the first change. Pure.
 */
import type { DecodedOperation, DecodedTxn } from './decoded-txn.js';
import type { etcdserverpb as rpc } from '../../generated/etcd.js';
import { longFromNumber, numberFromLong } from '../long.js';
import { failure } from '../rpc-failure.js';
import type { KvStore } from '../store/kv-store.js';
import type { StoreWriter } from '../store/write-transaction.js';
import { rangeMessage, readRange } from './range.js';
import { compareHolds } from './txn-compare.js';
import { applyDelete, applyPut, checkKept, checkLease, type KnownLeases } from './write.js';

/** A transaction whose branch is chosen, with those inside it. */
interface Plan {
  readonly succeeded: boolean;
  readonly steps: readonly Step[];
}

type Step =
  | { readonly kind: 'range'; readonly request: rpc.RangeRequest }
  | { readonly kind: 'put'; readonly request: rpc.PutRequest }
  | { readonly kind: 'delete'; readonly request: rpc.DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly plan: Plan };

/** A transaction's answer without its header, and the revision for it. */
export interface TxnAnswer {
  readonly response: rpc.TxnResponse.$Properties;
  readonly revision: number;
}

/** Whether no branch, down to the deepest, would write. */
export function isReadOnly(request: DecodedTxn): boolean {
  return [...request.success, ...request.failure].every((operation) =>
    operation.requestRange !== null && operation.requestRange !== undefined
      ? true
      : operation.requestTxn !== null && operation.requestTxn !== undefined && isReadOnly(operation.requestTxn),
  );
}

/** @throws RpcFailure for what the store or the leases do not allow; then nothing was changed. */
export function applyTxn(store: KvStore, leases: KnownLeases, request: DecodedTxn): TxnAnswer {
  const plan = planOf(store, request);
  checkPuts(store, leases, plan);
  checkRanges(store, plan);
  return store.write((writer) => {
    const response = run(store, writer, plan);
    return { response, revision: writer.currentRevision };
  });
}

/** All comparisons, nested ones too, look at the store as it was before the transaction. */
function planOf(store: KvStore, request: DecodedTxn): Plan {
  const succeeded = request.compare.every((compare) => compareHolds(store, compare));
  const operations = succeeded ? request.success : request.failure;
  return { succeeded, steps: operations.map((operation) => stepOf(store, operation)) };
}

function stepOf(store: KvStore, operation: DecodedOperation): Step {
  const { requestRange, requestPut, requestDeleteRange, requestTxn } = operation;
  if (requestRange) return { kind: 'range', request: requestRange };
  if (requestPut) return { kind: 'put', request: requestPut };
  if (requestDeleteRange) return { kind: 'delete', request: requestDeleteRange };
  if (requestTxn) return { kind: 'txn', plan: planOf(store, requestTxn) };
  throw failure('keyNotFound');
}

function checkPuts(store: KvStore, leases: KnownLeases, plan: Plan): void {
  for (const step of plan.steps) {
    if (step.kind === 'txn') checkPuts(store, leases, step.plan);
    if (step.kind !== 'put') continue;
    checkKept(store, step.request);
    checkLease(leases, step.request);
  }
}

/** Stricter than a range alone: a negative revision is one that has been compacted. */
function checkRanges(store: KvStore, plan: Plan): void {
  for (const step of plan.steps) {
    if (step.kind === 'txn') checkRanges(store, step.plan);
    if (step.kind !== 'range') continue;
    const revision = numberFromLong(step.request.revision);
    if (revision === 0) continue;
    if (revision > store.revision) throw failure('futureRev');
    if (revision < store.compactRevision) throw failure('compacted');
  }
}

/** Headers inside a transaction tell nothing but the revision; that of a nested transaction not even that. */
function run(store: KvStore, writer: StoreWriter, plan: Plan): rpc.TxnResponse.$Properties {
  return { succeeded: plan.succeeded, responses: plan.steps.map((step) => runStep(store, writer, step)) };
}

function runStep(store: KvStore, writer: StoreWriter, step: Step): rpc.ResponseOp.$Properties {
  switch (step.kind) {
    case 'range': {
      const revision = writer.currentRevision;
      const message = rangeMessage(readRange(store, step.request), step.request.keysOnly);
      return { responseRange: { ...message, header: innerHeader(revision) } };
    }
    case 'put': {
      const message = applyPut(writer, step.request);
      return { responsePut: { ...message, header: innerHeader(writer.currentRevision) } };
    }
    case 'delete': {
      const message = applyDelete(writer, step.request);
      return { responseDeleteRange: { ...message, header: innerHeader(writer.currentRevision) } };
    }
    case 'txn':
      return { responseTxn: { ...run(store, writer, step.plan), header: {} } };
    default:
      return step satisfies never;
  }
}

function innerHeader(revision: number): rpc.ResponseHeader.$Properties {
  return { revision: longFromNumber(revision) };
}
