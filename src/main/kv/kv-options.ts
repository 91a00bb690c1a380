/**
 * The options of the kv calls and how they are checked: everything wrong is refused here, before anything is sent, naming the
 * option and what is allowed. Main thread; pure.
 */
import {
  booleanRule,
  checkFields,
  choiceRule,
  integerRule,
  objectRule,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';
import { int64Rule } from '../../wire/int64.js';
import { CALL_RULES, type CallOptions } from '../unary/call-scope.js';
import { leaseRule, type LeaseInput } from './lease-input.js';

/** What a read of one key may ask for. */
export interface GetOptions {
  /** Read the store as it was at this revision. Default: now. A compacted one fails with `compacted`. */
  readonly revision?: bigint | undefined;
  /**
   * Let the member answer from what it has, without asking the leader: faster, works without a quorum, and may be stale.
   * Default false: the answer reflects every write that was acknowledged before.
   */
  readonly serializable?: boolean | undefined;
}

/** What narrows a read of many keys. */
export interface RangeFilters extends GetOptions {
  /** Leave the values out. */
  readonly keysOnly?: boolean | undefined;
  /** Only keys last changed in this revision or later (etcd reads the whole range to find them). */
  readonly minModRevision?: bigint | undefined;
  readonly maxModRevision?: bigint | undefined;
  /** Only keys created in this revision or later. */
  readonly minCreateRevision?: bigint | undefined;
  readonly maxCreateRevision?: bigint | undefined;
}

export type SortBy = 'key' | 'version' | 'createRevision' | 'modRevision' | 'value';

export interface RangeOptions extends RangeFilters {
  /** At most so many keys, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Only `count`, no keys. */
  readonly countOnly?: boolean | undefined;
  /** By what etcd sorts; ascending unless told otherwise. Default: by key. With `limit`, the first in this order are given. */
  readonly sort?: { readonly by: SortBy; readonly order?: 'ascending' | 'descending' | undefined } | undefined;
}

export interface PutOptions {
  /**
   * Hang the key on this lease: it is deleted when the lease ends. Left out, the key loses the lease it had; set to `undefined`
   * it is refused, since that is a lease that is missing.
   */
  readonly lease?: LeaseInput;
  /** Answer with what the key was before. */
  readonly prevKv?: boolean | undefined;
  /** Keep the value that the key has (the value given must be undefined). Fails where there is no such key. */
  readonly ignoreValue?: boolean | undefined;
  /** Keep the lease that the key has. Fails where there is no such key. */
  readonly ignoreLease?: boolean | undefined;
}

export interface DeleteOptions {
  /** Answer with what was deleted. */
  readonly prevKv?: boolean | undefined;
}

export interface CompactOptions {
  /** Answer only when the history is gone from the member's disk. */
  readonly physical?: boolean | undefined;
}

const SORT_BY = ['key', 'version', 'createRevision', 'modRevision', 'value'] as const satisfies readonly SortBy[];

const sortRule: OptionRule = (value, name) => {
  objectRule(value, name);
  const rules = { by: choiceRule(...SORT_BY), order: choiceRule('ascending', 'descending') };
  checkFields<NonNullable<RangeOptions['sort']>>(value, rules, name, ['by']);
};

/** 0n means "none" to etcd. */
const revisionRule = int64Rule(1n);
export const countRule: OptionRule = integerRule(1, Number.MAX_SAFE_INTEGER);

export const GET_RULES: OptionTable<GetOptions> = { revision: revisionRule, serializable: booleanRule };
export const FILTER_RULES: OptionTable<RangeFilters> = {
  ...GET_RULES,
  keysOnly: booleanRule,
  minModRevision: revisionRule,
  maxModRevision: revisionRule,
  minCreateRevision: revisionRule,
  maxCreateRevision: revisionRule,
};
export const RANGE_RULES: OptionTable<RangeOptions> = {
  ...FILTER_RULES,
  limit: countRule,
  countOnly: booleanRule,
  sort: sortRule,
};
export const PUT_RULES: OptionTable<PutOptions> = {
  lease: leaseRule,
  prevKv: booleanRule,
  ignoreValue: booleanRule,
  ignoreLease: booleanRule,
};
export const DELETE_RULES: OptionTable<DeleteOptions> = { prevKv: booleanRule };
export const COMPACT_RULES: OptionTable<CompactOptions> = { physical: booleanRule };

/** The rules of a call: those of what it does, and of every call. */
export function callTable<Options extends object>(rules: OptionTable<Options>): OptionTable<Options & CallOptions> {
  return { ...rules, ...CALL_RULES } as OptionTable<Options & CallOptions>; // the two have no name in common
}
