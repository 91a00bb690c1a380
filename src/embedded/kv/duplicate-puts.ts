/**
 * etcd's rule that a transaction writes a key once: no two puts of one key, no put of a key that a deletion covers, through
 * all nested transactions. The two branches of a nested transaction exclude each other, so both may put the same key. Pure.
 */
import type { DecodedOperation } from './decoded-txn.js';
import { failure } from '../rpc-failure.js';
import { keyTextOf } from '../store/stored-value.js';

interface DeletedRange {
  readonly from: string;
  /** As it was sent; empty for one key. */
  readonly to: string;
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletions: DeletedRange[];
}

/** @throws RpcFailure `duplicate key given in txn request`. */
export function checkDuplicatePuts(operations: readonly DecodedOperation[]): void {
  writesOf(operations);
}

function writesOf(operations: readonly DecodedOperation[]): Writes {
  const puts = new Set<string>();
  // Those of this level count for everything below it, those below for what comes after them.
  const deletions: DeletedRange[] = [];
  for (const { requestDeleteRange: deletion } of operations) {
    if (deletion) deletions.push({ from: keyTextOf(deletion.key), to: keyTextOf(deletion.rangeEnd) });
  }
  for (const { requestTxn: nested } of operations) {
    if (!nested) continue;
    const success = writesOf(nested.success);
    const otherwise = writesOf(nested.failure);
    for (const key of success.puts) addPut(puts, deletions, key);
    for (const key of otherwise.puts)
      if (!success.puts.has(key)) addPut(puts, deletions, key);
      else checkNotDeleted(deletions, key);
    deletions.push(...success.deletions, ...otherwise.deletions);
  }
  for (const { requestPut: put } of operations) if (put) addPut(puts, deletions, keyTextOf(put.key));
  return { puts, deletions };
}

function addPut(puts: Set<string>, deletions: readonly DeletedRange[], key: string): void {
  if (puts.has(key)) throw failure('duplicateKey');
  checkNotDeleted(deletions, key);
  puts.add(key);
}

function checkNotDeleted(deletions: readonly DeletedRange[], key: string): void {
  if (deletions.some((deletion) => covers(deletion, key))) throw failure('duplicateKey');
}

/** etcd's check does not know that an end of one zero byte is "to the end": such a deletion covers nothing here. */
function covers({ from, to }: DeletedRange, key: string): boolean {
  return to === '' ? key === from : key >= from && key < to;
}
