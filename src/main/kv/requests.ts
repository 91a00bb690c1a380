/**
 * Checked options to protobuf requests. Main thread; pure. Every key of the kv service goes through here on its way out, so
 * this is where a namespace is put in front.
 */
import { longFromBigint } from '../../wire/int64.js';
import { toBytes, toKey, toKeyRange, type KeyInput, type RangeInput } from '../../wire/key-range.js';
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import {
  leaseIdOf,
  optionalBoolean,
  optionalCount,
  optionalRevision,
  refusal,
  type DeleteOptions,
  type PutOptions,
  type RangeOptions,
  type SortBy,
} from './kv-options.js';

type Long = NonNullable<rpc.RangeRequest.$Properties['limit']>;

/** The form in which the generated code takes 64 bits. */
export function long(value: bigint): Long {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the writer reads low and high only
  return longFromBigint(value) as Long;
}

const SORT_TARGETS: Readonly<Record<SortBy, rpc.RangeRequest.SortTarget>> = {
  key: rpc.RangeRequest.SortTarget.KEY,
  version: rpc.RangeRequest.SortTarget.VERSION,
  createRevision: rpc.RangeRequest.SortTarget.CREATE,
  modRevision: rpc.RangeRequest.SortTarget.MOD,
  value: rpc.RangeRequest.SortTarget.VALUE,
};

export function rangeRequest(range: RangeInput, options: RangeOptions): rpc.RangeRequest.$Properties {
  const { key, rangeEnd } = toKeyRange(range);
  const request: rpc.RangeRequest.$Properties = { key };
  if (rangeEnd !== undefined) request.rangeEnd = rangeEnd;
  const limit = optionalCount(options.limit, 'limit');
  if (limit !== undefined) request.limit = long(BigInt(limit));
  const revision = optionalRevision(options.revision, 'revision');
  if (revision !== undefined) request.revision = long(revision);
  if (optionalBoolean(options.serializable, 'serializable')) request.serializable = true;
  if (optionalBoolean(options.keysOnly, 'keysOnly')) request.keysOnly = true;
  if (optionalBoolean(options.countOnly, 'countOnly')) request.countOnly = true;
  for (const name of ['minModRevision', 'maxModRevision', 'minCreateRevision', 'maxCreateRevision'] as const) {
    const bound = optionalRevision(options[name], name);
    if (bound !== undefined) request[name] = long(bound);
  }
  return { ...request, ...sortOf(options.sort) };
}

function sortOf(sort: RangeOptions['sort']): Pick<rpc.RangeRequest.$Properties, 'sortOrder' | 'sortTarget'> {
  if (sort === undefined) return {};
  const given: unknown = sort;
  const allowed = `sort must be { by: ${Object.keys(SORT_TARGETS).join(' | ')}, order?: ascending | descending }`;
  if (typeof given !== 'object' || given === null) throw refusal(allowed);
  if (Object.keys(given).some((name) => name !== 'by' && name !== 'order')) throw refusal(allowed);
  const { by, order = 'ascending' }: { by?: unknown; order?: unknown } = given;
  if (typeof by !== 'string' || !Object.hasOwn(SORT_TARGETS, by)) throw refusal(allowed);
  if (order !== 'ascending' && order !== 'descending') throw refusal(allowed);
  return {
    sortTarget: SORT_TARGETS[by as SortBy], // one of its own keys, checked above
    sortOrder: order === 'ascending' ? rpc.RangeRequest.SortOrder.ASCEND : rpc.RangeRequest.SortOrder.DESCEND,
  };
}

export function putRequest(
  key: KeyInput,
  value: KeyInput | undefined,
  options: PutOptions,
): rpc.PutRequest.$Properties {
  const request: rpc.PutRequest.$Properties = { key: toKey(key) };
  if (optionalBoolean(options.ignoreValue, 'ignoreValue')) {
    if (value !== undefined) throw refusal('ignoreValue keeps the value that the key has: pass undefined as value');
    request.ignoreValue = true;
  } else {
    request.value = toBytes(value, 'value');
  }
  if (optionalBoolean(options.ignoreLease, 'ignoreLease')) {
    if (options.lease !== undefined) throw refusal('ignoreLease keeps the lease that the key has: leave lease out');
    request.ignoreLease = true;
  } else if (options.lease !== undefined) {
    request.lease = long(leaseIdOf(options.lease, 'lease'));
  }
  if (optionalBoolean(options.prevKv, 'prevKv')) request.prevKv = true;
  return request;
}

export function deleteRequest(range: RangeInput, options: DeleteOptions): rpc.DeleteRangeRequest.$Properties {
  const { key, rangeEnd } = toKeyRange(range);
  const request: rpc.DeleteRangeRequest.$Properties = { key };
  if (rangeEnd !== undefined) request.rangeEnd = rangeEnd;
  if (optionalBoolean(options.prevKv, 'prevKv')) request.prevKv = true;
  return request;
}
