import { describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { decodedTxn } from '../../../../src/embedded/kv/decoded-txn.js';
import { checkTxn } from '../../../../src/embedded/kv/request-checks.js';

type Operation = rpc.RequestOp.$Properties;

const put = (key: string): Operation => ({ requestPut: { key: Buffer.from(key) } });
const del = (key: string, end = ''): Operation => ({
  requestDeleteRange: { key: Buffer.from(key), rangeEnd: Buffer.from(end) },
});
const txn = (success: Operation[], failure: Operation[] = []): Operation => ({ requestTxn: { success, failure } });

/** What etcd 3.5.16 answers to each was asked of it. */
function refusal(...success: Operation[]): string | undefined {
  const request = rpc.TxnRequest.decode(rpc.TxnRequest.encode({ success }).finish());
  try {
    checkTxn(decodedTxn(request));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace('etcdserver: ', '') : String(error);
  }
}

const DUPLICATE = 'duplicate key given in txn request';

describe('a transaction', () => {
  it.each<[string, Operation[], string | undefined]>([
    ['two puts of one key', [put('a'), put('a')], DUPLICATE],
    ['a put in a deleted range', [put('a'), del('a', 'c')], DUPLICATE],
    ['a put at the end of a deleted range', [put('c'), del('a', 'c')], undefined],
    ['a put in a range deleted to the end, which etcd does not notice', [put('a'), del('a', '\0')], undefined],
    ['two deletions of one key', [del('a'), del('a')], undefined],
    ['both branches putting one key', [txn([put('a')], [put('a')])], undefined],
    ['a nested put of a key put outside', [put('a'), txn([], [put('a')])], DUPLICATE],
    ['two nested transactions putting one key', [txn([put('a')]), txn([put('a')])], DUPLICATE],
    ['a nested put of a key deleted outside', [del('a'), txn([put('a')])], DUPLICATE],
    ['a nested put after a nested deletion', [txn([del('a')]), txn([put('a')])], DUPLICATE],
    ['a nested deletion after a nested put', [txn([put('a')]), txn([del('a')])], undefined],
  ])('with %s', (_, operations, expected) => {
    expect(refusal(...operations)).toBe(expected);
  });

  it('may have 128 operations, of which a nested one may have what is left', () => {
    const puts = (count: number): Operation[] => Array.from({ length: count }, (_, place) => put(String(place)));
    const tooMany = 'too many operations in txn request';
    expect(refusal(...puts(128))).toBeUndefined();
    expect(refusal(...puts(129))).toBe(tooMany);
    expect(refusal(txn(puts(127)))).toBeUndefined();
    expect(refusal(txn(puts(128)))).toBe(tooMany);
  });

  it('with an operation that asks for nothing is refused as etcd does', () => {
    expect(refusal({})).toBe('key not found');
  });
});
