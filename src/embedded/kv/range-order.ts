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

/**
 * @param values in the order of their keys. Without an order, a target other than the key sorts ascending; an order that etcd
 * does not know leaves them as they are (a target that it does not know, which makes etcd 3.5 panic, does so here too).
 */
export function sortAsEtcd(
  values: readonly StoredValue[],
  target: rpc.RangeRequest.SortTarget,
  order: rpc.RangeRequest.SortOrder,
): readonly StoredValue[] {
  if (order === SortOrder.NONE && target === SortTarget.KEY) return values;
  const compare = COMPARES[target];
  if (compare === undefined) return values;
  switch (order) {
    case SortOrder.NONE:
    case SortOrder.ASCEND:
      return values.toSorted(compare);
    case SortOrder.DESCEND:
      return values.toSorted((left, right) => compare(right, left));
    default:
      return values;
  }
}
