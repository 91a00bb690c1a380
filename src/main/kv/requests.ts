/**
 * Checked options to protobuf requests. Main thread; pure.
 */
import { longFromBigint } from '../../wire/int64.js';
import { invalidOption } from '../../wire/arguments.js';
import { toBytes, toKey, type KeyInput, type KeyRange } from '../../wire/key-range.js';
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import type { DeleteOptions, PutOptions, RangeOptions, SortBy } from './kv-options.js';
import { leaseIdOf } from './lease-input.js';

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

/** The request for checked options. */
export function rangeRequest({ key, rangeEnd }: KeyRange, options: RangeOptions): rpc.RangeRequest.$Properties {
  const request: rpc.RangeRequest.$Properties = { key };
  if (rangeEnd !== undefined) request.rangeEnd = rangeEnd;
  const { limit, revision, sort } = options;
  if (limit !== undefined) request.limit = long(BigInt(limit));
  if (revision !== undefined) request.revision = long(revision);
  if (options.serializable === true) request.serializable = true;
  if (options.keysOnly === true) request.keysOnly = true;
  if (options.countOnly === true) request.countOnly = true;
  for (const name of ['minModRevision', 'maxModRevision', 'minCreateRevision', 'maxCreateRevision'] as const) {
    const bound = options[name];
    if (bound !== undefined) request[name] = long(bound);
  }
  if (sort !== undefined) {
    const { ASCEND, DESCEND } = rpc.RangeRequest.SortOrder;
    request.sortTarget = SORT_TARGETS[sort.by];
    request.sortOrder = sort.order === 'descending' ? DESCEND : ASCEND;
  }
  return request;
}

/**
 * The request for checked options.
 *
 * @throws EtcdError `invalid-argument` for a key or value that is none, and for options that exclude each other; `lease-ended`.
 */
export function putRequest(
  key: KeyInput,
  value: KeyInput | undefined,
  options: PutOptions,
): rpc.PutRequest.$Properties {
  const request: rpc.PutRequest.$Properties = { key: toKey(key, 'put: key') };
  if (options.ignoreValue === true) {
    if (value !== undefined)
      throw invalidOption('put: value must be undefined with ignoreValue, which keeps the old one');
    request.ignoreValue = true;
  } else {
    request.value = toBytes(value, 'put: value');
  }
  const hasLease = Object.hasOwn(options, 'lease');
  if (options.ignoreLease === true) {
    if (hasLease) throw invalidOption('put: lease must be left out with ignoreLease, which keeps the old one');
    request.ignoreLease = true;
  } else if (hasLease) {
    request.lease = long(leaseIdOf(options.lease, 'put: lease'));
  }
  if (options.prevKv === true) request.prevKv = true;
  return request;
}

/** The request for checked options. */
export function deleteRequest({ key, rangeEnd }: KeyRange, options: DeleteOptions): rpc.DeleteRangeRequest.$Properties {
  const request: rpc.DeleteRangeRequest.$Properties = { key };
  if (rangeEnd !== undefined) request.rangeEnd = rangeEnd;
  if (options.prevKv === true) request.prevKv = true;
  return request;
}
