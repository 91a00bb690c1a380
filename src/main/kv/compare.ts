/**
 * Comparisons of transactions. Main thread; pure.
 */
import { requireInt64 } from '../../wire/int64.js';
import { toBytes, toKeyRange, type KeyInput, type RangeInput } from '../../wire/key-range.js';
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { comparedLeaseId, type LeaseInput } from './lease-input.js';
import { long } from './requests.js';
import { rememberCompare } from './txn-parts.js';
import type { Comparison } from './txn-types.js';

/** The four ways to compare. */
export interface Comparator<Operand> {
  equals(operand: Operand): Comparison;
  notEquals(operand: Operand): Comparison;
  greaterThan(operand: Operand): Comparison;
  lessThan(operand: Operand): Comparison;
}

/** What of a key can be compared. */
export interface CompareTarget {
  /** The value, byte by byte. A key that is not there fails every comparison of its value. */
  readonly value: Comparator<KeyInput>;
  /** How often the key was written since it was created; 0n for a key that is not there. */
  readonly version: Comparator<bigint>;
  /** The revision in which the key was created; 0n for a key that is not there. */
  readonly createRevision: Comparator<bigint>;
  /** The revision of the key's last change; 0n for a key that is not there. */
  readonly modRevision: Comparator<bigint>;
  /** The lease that the key hangs on; 0n for none. */
  readonly lease: Comparator<LeaseInput>;
}

/**
 * Begins a comparison: `compare('k').modRevision.equals(7n)`.
 *
 * For a range it must hold for every key in it; a range without keys is compared as one key that is not there.
 *
 * @throws EtcdError `invalid-argument` for a range or operand that is not allowed.
 */
export function compare(range: RangeInput): CompareTarget {
  const { key, rangeEnd } = toKeyRange(range, 'compare: range');
  const base = rangeEnd === undefined ? { key } : { key, rangeEnd };
  const { CompareTarget: Target } = rpc.Compare;
  const number = (value: bigint, name: string): ReturnType<typeof long> => long(requireInt64(value, name, 0n));
  return {
    value: comparator(base, Target.VALUE, (value, name) => ({ value: toBytes(value, name) })),
    version: comparator(base, Target.VERSION, (value, name) => ({ version: number(value, name) })),
    createRevision: comparator(base, Target.CREATE, (value, name) => ({ createRevision: number(value, name) })),
    modRevision: comparator(base, Target.MOD, (value, name) => ({ modRevision: number(value, name) })),
    lease: comparator(base, Target.LEASE, (value, name) => ({ lease: long(comparedLeaseId(value, name)) })),
  };
}

type Operand = Pick<rpc.Compare.$Properties, 'value' | 'version' | 'createRevision' | 'modRevision' | 'lease'>;

function comparator<T>(
  base: Pick<rpc.Compare.$Properties, 'key' | 'rangeEnd'>,
  target: rpc.Compare.CompareTarget,
  operandOf: (value: T, name: string) => Operand,
): Comparator<T> {
  const { CompareResult: Result } = rpc.Compare;
  const make =
    (result: rpc.Compare.CompareResult, name: string) =>
    (operand: T): Comparison =>
      rememberCompare({ ...base, target, result, ...operandOf(operand, `${name}: operand`) });
  return {
    equals: make(Result.EQUAL, 'equals'),
    notEquals: make(Result.NOT_EQUAL, 'notEquals'),
    greaterThan: make(Result.GREATER, 'greaterThan'),
    lessThan: make(Result.LESS, 'lessThan'),
  };
}
