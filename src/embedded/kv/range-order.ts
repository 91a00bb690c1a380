/**
 * The order of a range's answer. Pure.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import type { StoredValue } from '../store/stored-value.js';

type Compare = (left: StoredValue, right: StoredValue) => number;

const { SortOrder, SortTarget } = rpc.RangeRequest;

const COMPARES: Readonly<Partial<Record<number, Compare>>> = {
  [SortTarget.KEY]: (left, right) => (left.keyText < right.keyText ? -1 : left.keyText === right.keyText ? 0 : 1),
  [SortTarget.VERSION]: (left, right) => left.version - right.version,
  [SortTarget.CREATE]: (left, right) => left.createRevision - right.createRevision,
  [SortTarget.MOD]: (left, right) => left.modRevision - right.modRevision,
  [SortTarget.VALUE]: (left, right) => Buffer.compare(left.value, right.value),
};

/** @param values in the order of their keys. Without an order, a target other than the key sorts ascending. */
export function sortAsEtcd(
  values: readonly StoredValue[],
  target: rpc.RangeRequest.SortTarget,
  order: rpc.RangeRequest.SortOrder,
): readonly StoredValue[] {
  if (order === SortOrder.NONE && target === SortTarget.KEY) return values;
  const compare = COMPARES[target];
  if (compare === undefined) return values;
  return values.toSorted(order === SortOrder.DESCEND ? (left, right) => compare(right, left) : compare);
}
