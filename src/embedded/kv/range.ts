/**
 * Answers a range request: revision, bounds, order, limit, in etcd's order. Pure.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { longFromNumber, numberFromLong } from '../long.js';
import { keySpan } from '../store/key-span.js';
import type { KvStore } from '../store/kv-store.js';
import { keyValueMessage, type StoredValue } from '../store/stored-value.js';
import { sortAsEtcd } from './range-order.js';

/** What a range gives, without its header. */
export interface RangeAnswer {
  readonly kvs: readonly StoredValue[];
  readonly more: boolean;
  readonly count: number;
}

/** @throws RpcFailure for a revision that is compacted or in the future. */
export function readRange(store: KvStore, request: rpc.RangeRequest): RangeAnswer {
  const limit = numberFromLong(request.limit);
  const keep = revisionBounds(request);
  // Bounds and orders are applied to all keys, so the limit comes last. An order of NONE with a target other than the key
  // is sorted too, but only after etcd has cut it: by the keys' order.
  const all = request.sortOrder !== rpc.RangeRequest.SortOrder.NONE || keep !== undefined;
  const read = store.read(keySpan(request.key, request.rangeEnd), {
    revision: numberFromLong(request.revision),
    limit: all || limit <= 0 ? 0 : limit + 1,
    countOnly: request.countOnly,
  });
  const kept = keep === undefined ? read.values : read.values.filter(keep);
  const sorted = sortAsEtcd(kept, request.sortTarget, request.sortOrder);
  const more = limit > 0 && sorted.length > limit;
  return { kvs: more ? sorted.slice(0, limit) : sorted, more, count: read.count };
}

/** The answer's message; its header is the caller's. */
export function rangeMessage(answer: RangeAnswer, keysOnly: boolean): rpc.RangeResponse.$Properties {
  return {
    kvs: answer.kvs.map((stored) => keyValueMessage(stored, keysOnly)),
    more: answer.more,
    count: longFromNumber(answer.count),
  };
}

/** Whether a value is within the request's revision bounds; undefined without any. */
function revisionBounds(request: rpc.RangeRequest): ((value: StoredValue) => boolean) | undefined {
  const minMod = numberFromLong(request.minModRevision);
  const maxMod = numberFromLong(request.maxModRevision);
  const minCreate = numberFromLong(request.minCreateRevision);
  const maxCreate = numberFromLong(request.maxCreateRevision);
  if (minMod === 0 && maxMod === 0 && minCreate === 0 && maxCreate === 0) return undefined;
  return ({ modRevision, createRevision }) =>
    (maxMod === 0 || modRevision <= maxMod) &&
    (minMod === 0 || modRevision >= minMod) &&
    (maxCreate === 0 || createRevision <= maxCreate) &&
    (minCreate === 0 || createRevision >= minCreate);
}
