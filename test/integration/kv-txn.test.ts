/** Transactions against a real etcd: each target, each comparison, ranges, nesting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare, type CompareTarget } from '../../src/main/kv/compare.js';
import type { Kv } from '../../src/main/kv/kv.js';
import { del, get, put, range } from '../../src/main/kv/operation.js';
import { txn } from '../../src/main/kv/txn-builder.js';
import type { Comparison } from '../../src/main/kv/txn-types.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { failureOf, kvOf, type KvClient } from './kv-client.js';

describe('transactions on a real etcd', () => {
  const etcd = suiteEtcd();
  let client: KvClient;
  let kv: Kv;
  let leaseId: bigint;
  beforeAll(async () => {
    client = kvOf(etcd().endpoint);
    kv = client.kv;
    leaseId = await client.grant(300n);
    await kv.put('k', 'one');
    await kv.put('k', 'm', { lease: leaseId });
  });
  afterAll(() => client.close());

  const holds = async (...comparisons: Comparison[]): Promise<boolean> =>
    (
      await kv
        .txn()
        .if(...comparisons)
        .commit()
    ).succeeded;

  it.each<[string, (target: CompareTarget, of: { created: bigint; changed: bigint; lease: bigint }) => Comparison[]]>([
    ['value', ({ value }) => [value.equals('m'), value.notEquals('n'), value.greaterThan('a'), value.lessThan('z')]],
    [
      'version',
      ({ version }) => [version.equals(2n), version.notEquals(1n), version.greaterThan(1n), version.lessThan(3n)],
    ],
    [
      'createRevision',
      ({ createRevision: at }, { created }) => [
        at.equals(created),
        at.notEquals(created + 1n),
        at.greaterThan(created - 1n),
        at.lessThan(created + 1n),
      ],
    ],
    [
      'modRevision',
      ({ modRevision: at }, { changed }) => [
        at.equals(changed),
        at.notEquals(changed + 1n),
        at.greaterThan(changed - 1n),
        at.lessThan(changed + 1n),
      ],
    ],
    [
      'lease',
      ({ lease: at }, { lease }) => [
        at.equals(lease),
        at.equals({ leaseId: lease }),
        at.notEquals(0n),
        at.greaterThan(lease - 1n),
        at.lessThan(lease + 1n),
      ],
    ],
  ])('compares %s in every way, true and false', async (_target, comparisons) => {
    const kept = await kv.get('k');
    const of = { created: kept?.createRevision ?? 0n, changed: kept?.modRevision ?? 0n, lease: leaseId };
    for (const [place, comparison] of comparisons(compare('k'), of).entries()) {
      expect([place, await holds(comparison)]).toEqual([place, true]);
    }
    // A key that is not there: every number is 0, and its value equals nothing.
    const none = compare('not-there');
    expect(
      await holds(
        none.version.equals(0n),
        none.createRevision.equals(0n),
        none.modRevision.lessThan(1n),
        none.lease.equals(0n),
      ),
    ).toBe(true);
    expect(await holds(none.value.equals(''))).toBe(false);
    expect(await holds(compare('k').value.equals('m'), compare('k').version.equals(9n))).toBe(false);
  });

  it('creates a key only where it is not there', async () => {
    const create = (): Promise<{ succeeded: boolean }> =>
      kv.txn().if(compare('once').version.equals(0n)).then(put('once', 'mine')).else(get('once')).commit();
    expect(await create()).toMatchObject({ succeeded: true, responses: [{ kind: 'put', prevKv: undefined }] });
    expect(await create()).toMatchObject({ succeeded: false, responses: [{ kind: 'get', kv: { version: 1n } }] });
  });

  it('answers each kind of operation in order, all in one revision', async () => {
    for (const key of ['ops/a', 'ops/b', 'ops/c']) await kv.put(key, key);
    const result = await kv
      .txn()
      .then(
        put('ops/a', 'new', { prevKv: true }),
        get('ops/none'),
        range({ prefix: 'ops/' }, { limit: 1, sort: { by: 'key', order: 'descending' } }),
        del('ops/b', { prevKv: true }),
        put('ops/d', '4'),
      )
      .commit();
    expect(result.succeeded).toBe(true);
    expect(result.responses.map((answer) => answer.kind)).toEqual(['put', 'get', 'range', 'delete', 'put']);
    const [putAnswer, getAnswer, rangeAnswer, deleteAnswer] = result.responses;
    expect(putAnswer?.kind === 'put' && putAnswer.prevKv?.value.string()).toBe('ops/a');
    expect(getAnswer).toEqual({ kind: 'get', kv: null });
    expect(rangeAnswer).toMatchObject({ more: true, count: 3n });
    expect(rangeAnswer?.kind === 'range' && rangeAnswer.kvs[0]?.key.string()).toBe('ops/c');
    expect(deleteAnswer).toMatchObject({ deleted: 1n, prevKvs: [{ version: 1n }] });
    const changed = await Promise.all(['ops/a', 'ops/d'].map((key) => kv.get(key)));
    expect(changed.map((found) => found?.modRevision)).toEqual([result.header.revision, result.header.revision]);
  });

  it('a range comparison must hold for every key of the range', async () => {
    for (const key of ['cmp/a', 'cmp/b']) await kv.put(key, 'same');
    const all = compare({ prefix: 'cmp/' });
    expect(await holds(all.value.equals('same'))).toBe(true);
    await kv.put('cmp/b', 'other');
    expect(await holds(all.value.equals('same'))).toBe(false);
    expect(await holds(all.version.greaterThan(0n))).toBe(true);
    expect(await holds(compare({ prefix: 'cmp/none/' }).version.equals(0n))).toBe(true);
  });

  it('nested transactions choose their branch inside the outer one', async () => {
    const inner = txn()
      .if(compare('nest').version.equals(0n))
      .then(put('nest', 'inner'))
      .else(get('nest'), del('nest'));
    const outer = kv.txn().then(put('nest/outer', '1'), inner);
    const first = await outer.commit();
    expect(first.responses[1]).toMatchObject({ kind: 'txn', succeeded: true, responses: [{ kind: 'put' }] });
    const second = await outer.commit();
    expect(second.responses[1]).toMatchObject({
      kind: 'txn',
      succeeded: false,
      responses: [
        { kind: 'get', kv: { version: 1n } },
        { kind: 'delete', deleted: 1n },
      ],
    });
  });

  it('keys of any bytes take part', async () => {
    const key = new Uint8Array([0, 0xff, 0x80]);
    await kv.txn().if(compare(key).version.equals(0n)).then(put(key, '1'), put('__proto__', '2')).commit();
    expect((await kv.get(key))?.value.string()).toBe('1');
    expect((await kv.get('__proto__'))?.value.string()).toBe('2');
  });

  it("etcd's own refusals come with their codes and change nothing", async () => {
    const many = Array.from({ length: 129 }, (_, at) => put(`lim/${String(at)}`, ''));
    expect(
      await failureOf(
        kv
          .txn()
          .then(...many)
          .commit(),
      ),
    ).toMatchObject({ code: 'too-many-operations', outcome: 'refused' });
    const overlapping = kv.txn().then(put('lim/x', ''), txn().then(put('lim/x', '')));
    expect(await failureOf(overlapping.commit())).toMatchObject({ code: 'duplicate-key', outcome: 'refused' });
    expect(await kv.count({ prefix: 'lim/' })).toBe(0n);
  });
});
