import { describe, expect, it } from 'vitest';
import { Alarms, AlarmType } from '../../../../src/embedded/maintenance/alarms.js';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';

const { NONE, NOSPACE, CORRUPT } = AlarmType;
const noSpace = 'etcdserver: mvcc: database space exceeded';
const corrupt = 'etcdserver: corrupt cluster';

describe('alarms', () => {
  it('are listed by type, each member once', () => {
    const alarms = new Alarms();
    expect(alarms.raise(5n, NOSPACE)).toEqual([{ memberId: 5n, type: NOSPACE }]);
    expect(alarms.raise(5n, NOSPACE)).toEqual([{ memberId: 5n, type: NOSPACE }]);
    alarms.raise(6n, CORRUPT);
    expect(alarms.list(NONE)).toHaveLength(2);
    expect(alarms.list(CORRUPT)).toEqual([{ memberId: 6n, type: CORRUPT }]);
    expect(alarms.raise(5n, NONE)).toEqual([]);
    expect(alarms.lower(5n, CORRUPT)).toEqual([]);
    expect(alarms.lower(5n, NOSPACE)).toEqual([{ memberId: 5n, type: NOSPACE }]);
  });

  it('of no space refuse what makes the store larger, until the last one is put down', () => {
    const alarms = new Alarms();
    alarms.raise(1n, NOSPACE);
    alarms.raise(2n, NOSPACE);
    expect(() => alarms.checkGrowth()).toThrow(noSpace);
    alarms.checkChange();
    alarms.lower(1n, NOSPACE);
    expect(() => alarms.checkGrowth()).toThrow(noSpace);
    alarms.lower(2n, NOSPACE);
    alarms.checkGrowth();
  });

  it('of corruption refuse every change', () => {
    const alarms = new Alarms();
    alarms.raise(0n, CORRUPT);
    expect(() => alarms.checkGrowth()).toThrow(corrupt);
    expect(() => alarms.checkChange()).toThrow(corrupt);
  });

  it('of both kinds: the last raised decides, and the first to go ends all refusals, as in etcd', () => {
    const alarms = new Alarms();
    alarms.raise(0n, CORRUPT);
    alarms.raise(0n, NOSPACE);
    expect(() => alarms.checkGrowth()).toThrow(noSpace);
    alarms.lower(0n, CORRUPT);
    alarms.checkGrowth();
    expect(alarms.list(NONE)).toEqual([{ memberId: 0n, type: NOSPACE }]);
  });

  it('refuse transactions for a put in either branch, not for one in a transaction inside', () => {
    const alarms = new Alarms();
    alarms.raise(0n, NOSPACE);
    const put = { requestPut: rpc.PutRequest.create({ key: Buffer.from('k') }) };
    const check = (success: object[], failure: object[]): (() => void) => {
      const operations = (list: object[]): rpc.RequestOp[] => list.map((operation) => rpc.RequestOp.create(operation));
      return () => alarms.checkTxn({ success: operations(success), failure: operations(failure) });
    };
    expect(check([put], [])).toThrow(noSpace);
    expect(check([], [put])).toThrow(noSpace);
    expect(check([{ requestTxn: { success: [put] } }], [])).not.toThrow();
  });
});
