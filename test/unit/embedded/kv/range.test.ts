import { expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { readRange } from '../../../../src/embedded/kv/range.js';
import { longFromNumber } from '../../../../src/embedded/long.js';
import { KvStore } from '../../../../src/embedded/store/kv-store.js';
import { keyOf } from '../../../../src/embedded/store/stored-value.js';

const { SortOrder, SortTarget } = rpc.RangeRequest;

function stored(): KvStore {
  const store = new KvStore();
  for (const [key, value] of ['c3', 'a2', 'b1', 'a9'])
    store.write((writer) => writer.put(keyOf(key ?? ''), keyOf(value ?? ''), 0n));
  return store;
}

function keys(properties: rpc.RangeRequest.$Properties): [string, boolean, number] {
  const all = { key: keyOf('\0'), rangeEnd: keyOf('\0') };
  const request = rpc.RangeRequest.decode(rpc.RangeRequest.encode({ ...all, ...properties }).finish());
  const { kvs, more, count } = readRange(stored(), request);
  return [kvs.map((kv) => kv.keyText).join(''), more, count];
}

it('sorts all keys before it cuts them', () => {
  expect(keys({ sortTarget: SortTarget.VALUE, sortOrder: SortOrder.ASCEND, limit: longFromNumber(2) })).toEqual([
    'bc',
    true,
    3,
  ]);
  expect(keys({ sortOrder: SortOrder.DESCEND, limit: longFromNumber(2) })).toEqual(['cb', true, 3]);
});

it('without an order sorts by any target but the key, what the limit left (with one more than asked for)', () => {
  expect(keys({ sortTarget: SortTarget.MOD })).toEqual(['cba', false, 3]);
  expect(keys({ sortTarget: SortTarget.MOD, limit: longFromNumber(1) })).toEqual(['b', true, 3]);
});

it('counts what bounds leave out, and applies the limit after them', () => {
  expect(keys({ maxCreateRevision: longFromNumber(3) })).toEqual(['ac', false, 3]);
  expect(keys({ minModRevision: longFromNumber(4), limit: longFromNumber(1) })).toEqual(['a', true, 3]);
});

it('takes a limit of 0 and below for none, and gives no keys with count_only', () => {
  expect(keys({ limit: longFromNumber(0) })).toEqual(['abc', false, 3]);
  expect(keys({ countOnly: true, limit: longFromNumber(1) })).toEqual(['', false, 3]);
});
