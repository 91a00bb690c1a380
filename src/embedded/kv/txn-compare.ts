/**
 * The comparisons of a transaction. Pure.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import { numberFromLong } from '../long.js';
import { keySpan } from '../store/key-span.js';
import type { KvStore } from '../store/kv-store.js';
import type { StoredValue } from '../store/stored-value.js';

const { CompareResult, CompareTarget } = rpc.Compare;

type Compared = Pick<StoredValue, 'value' | 'createRevision' | 'modRevision' | 'version' | 'lease'>;

const NO_BYTES = new Uint8Array(0);
/** What a key that does not exist is compared as. */
const MISSING: Compared = { value: NO_BYTES, createRevision: 0, modRevision: 0, version: 0, lease: 0n };

/** Whether the comparison holds for every key that it names. */
export function compareHolds(store: Pick<KvStore, 'read'>, compare: rpc.Compare): boolean {
  const { values } = store.read(keySpan(compare.key, compare.rangeEnd));
  // A key that is not there has no value, not even an empty one.
  if (values.length === 0) return compare.target !== CompareTarget.VALUE && holds(compare, MISSING);
  return values.every((value) => holds(compare, value));
}

function holds(compare: rpc.Compare, value: Compared): boolean {
  const order = orderOf(compare, value);
  switch (compare.result) {
    case CompareResult.EQUAL:
      return order === 0;
    case CompareResult.NOT_EQUAL:
      return order !== 0;
    case CompareResult.GREATER:
      return order > 0;
    case CompareResult.LESS:
      return order < 0;
    // A result that this version does not know.
    default:
      return true;
  }
}

/** What the request does not give, or gives for another target, counts as zero. */
function orderOf(compare: rpc.Compare, value: Compared): number {
  switch (compare.target) {
    case CompareTarget.VALUE:
      return Buffer.compare(value.value, compare.value ?? NO_BYTES);
    case CompareTarget.CREATE:
      return value.createRevision - (compare.createRevision ? numberFromLong(compare.createRevision) : 0);
    case CompareTarget.MOD:
      return value.modRevision - (compare.modRevision ? numberFromLong(compare.modRevision) : 0);
    case CompareTarget.VERSION:
      return value.version - (compare.version ? numberFromLong(compare.version) : 0);
    case CompareTarget.LEASE: {
      const expected = bigintFromLong(compare.lease);
      return value.lease === expected ? 0 : value.lease < expected ? -1 : 1;
    }
    // A target that this version does not know.
    default:
      return 0;
  }
}
