/** The kv service against a real etcd: every option, binary keys, large answers, endings of calls. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kv } from '../../src/main/kv/kv.js';
import type { KeyValue } from '../../src/main/kv/key-value.js';
import type { EtcdError } from '../../src/wire/errors.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { kvOf, failureOf, type KvClient } from './kv-client.js';

describe('kv on a real etcd', () => {
  const etcd = suiteEtcd();
  let client: KvClient;
  let kv: Kv;
  beforeAll(() => {
    client = kvOf(etcd().endpoint);
    kv = client.kv;
  });
  afterAll(() => client.close());

  const keysOf = (kvs: readonly KeyValue[]): string[] => kvs.map((found) => found.key.string());

  it('a key that was put is read back with its revisions, and prevKv tells what it was', async () => {
    const first = await kv.put('basic/a', 'one');
    expect(first.prevKv).toBeUndefined();
    const second = await kv.put('basic/a', Buffer.from('two'), { prevKv: true });
    expect(second.prevKv?.value.string()).toBe('one');
    expect(await kv.get('basic/a')).toMatchObject({
      createRevision: first.header.revision,
      modRevision: second.header.revision,
      version: 2n,
      lease: 0n,
    });
    expect(second.header.revision).toBe(first.header.revision + 1n);
    expect(second.header.clusterId).not.toBe(0n);
    expect(second.header.memberId).not.toBe(0n);
    expect((await kv.get('basic/a', { revision: first.header.revision }))?.value.string()).toBe('one');
    expect(await kv.get('basic/none')).toBeNull();
  });

  it('values may be empty, binary, or JSON', async () => {
    await kv.put('value', '');
    expect((await kv.get('value'))?.value).toHaveLength(0);
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await kv.put('value', every);
    expect(Buffer.compare((await kv.get('value'))?.value ?? Buffer.alloc(0), every)).toBe(0);
    await kv.put('value', JSON.stringify({ a: [1, 'ä'] }));
    expect((await kv.get('value'))?.value.json()).toEqual({ a: [1, 'ä'] });
  });

  it.each([
    ['every byte', Uint8Array.from({ length: 256 }, (_, byte) => byte)],
    ['one zero byte', new Uint8Array(1)],
    ['0xff', new Uint8Array([0xff, 0xff])],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['text beyond ASCII', 'schlüssel/😀'],
  ])('a key of %s is a key like any other', async (_what, key) => {
    await kv.put(key, 'here');
    const found = await kv.get(key);
    expect(found?.value.string()).toBe('here');
    expect(Buffer.compare(Buffer.from(found?.key ?? []), Buffer.from(key))).toBe(0);
    expect((await kv.delete(key, { prevKv: true })).prevKvs[0]?.value.string()).toBe('here');
    expect(await kv.get(key)).toBeNull();
  });

  describe('range', () => {
    const revisions: bigint[] = [];
    beforeAll(async () => {
      // Values and versions run against the order of the keys, so that each sort shows.
      for (const [key, value] of [
        ['range/c', '1'],
        ['range/a', '3'],
        ['range/b', '2'],
        ['range/b', '2'],
      ] as const)
        revisions.push((await kv.put(key, value)).header.revision);
    });
    const prefix = { prefix: 'range/' };

    it('comes in the order of the keys, with their number', async () => {
      const result = await kv.range(prefix);
      expect(keysOf(result.kvs)).toEqual(['range/a', 'range/b', 'range/c']);
      expect(result).toMatchObject({ more: false, count: 3n });
    });

    it('limit cuts and says so, count does not change', async () => {
      const result = await kv.range(prefix, { limit: 2 });
      expect(keysOf(result.kvs)).toEqual(['range/a', 'range/b']);
      expect(result).toMatchObject({ more: true, count: 3n });
    });

    it.each([
      ['key', ['a', 'b', 'c']],
      ['version', undefined],
      ['createRevision', ['c', 'a', 'b']],
      ['modRevision', ['c', 'a', 'b']],
      ['value', ['c', 'b', 'a']],
    ] as const)('sorts by %s both ways', async (by, order) => {
      const up = keysOf((await kv.range(prefix, { sort: { by } })).kvs);
      const down = keysOf((await kv.range(prefix, { sort: { by, order: 'descending' } })).kvs);
      if (order === undefined) {
        expect(up.at(-1)).toBe('range/b');
        expect(down[0]).toBe('range/b');
        return;
      }
      expect(up).toEqual(order.map((key) => `range/${key}`));
      expect(down).toEqual(up.toReversed());
    });

    it('keysOnly leaves the values out, countOnly the keys', async () => {
      const keys = await kv.range(prefix, { keysOnly: true });
      expect(keys.kvs.map((found) => found.value.length)).toEqual([0, 0, 0]);
      expect(await kv.range(prefix, { countOnly: true })).toMatchObject({ kvs: [], count: 3n });
      expect(await kv.count(prefix)).toBe(3n);
      expect(await kv.count({ key: 'range/none' })).toBe(0n);
    });

    it('revision bounds filter by change and by creation', async () => {
      const [created = 0n, , bCreated = 0n, bChanged = 0n] = revisions;
      const found = async (options: object): Promise<string[]> => keysOf((await kv.range(prefix, options)).kvs);
      expect(await found({ minModRevision: bChanged })).toEqual(['range/b']);
      expect(await found({ maxModRevision: created })).toEqual(['range/c']);
      expect(await found({ minCreateRevision: bCreated })).toEqual(['range/b']);
      expect(await found({ maxCreateRevision: created })).toEqual(['range/c']);
    });

    it('reads an older revision, and serializable reads work', async () => {
      expect(await kv.count(prefix, { revision: revisions[0] })).toBe(1n);
      expect((await kv.range(prefix, { serializable: true })).count).toBe(3n);
    });

    it('every form of a range means what it says', async () => {
      expect(await kv.count({ from: 'range/b', to: 'range/c' })).toBe(1n);
      expect(await kv.count({ key: 'range/b' })).toBe(1n);
      expect(await kv.count('range/b')).toBe(1n);
      expect(await kv.count({ all: true })).toBe(await kv.count({ prefix: '' }));
      expect(await kv.count({ from: new Uint8Array(1) })).toBe(await kv.count({ all: true }));
    });

    it('a future revision is refused as such', async () => {
      expect(await failureOf(kv.get('range/a', { revision: 1_000_000n }))).toMatchObject({ code: 'future-revision' });
    });
  });

  it('put keeps value or lease when asked, and refuses a lease that does not exist', async () => {
    const leaseId = await client.grant(60n);
    await kv.put('leased', 'v', { lease: leaseId });
    expect((await kv.get('leased'))?.lease).toBe(leaseId);
    await kv.put('leased', undefined, { ignoreValue: true, lease: { leaseId } });
    expect(await kv.get('leased')).toMatchObject({ lease: leaseId, version: 2n });
    await kv.put('leased', 'w', { ignoreLease: true });
    const kept = await kv.get('leased');
    expect([kept?.value.string(), kept?.lease]).toEqual(['w', leaseId]);
    const missing = await failureOf(kv.put('leased', 'x', { lease: 12_345n }));
    expect(missing).toMatchObject({
      code: 'lease-not-found',
      leaseId: 12_345n,
      outcome: 'refused',
      name: 'LeaseError',
    });
    const none = await failureOf(kv.put('leased/none', undefined, { ignoreValue: true }));
    expect(none).toMatchObject({ code: 'server-error', outcome: 'refused' });
  });

  it('deletes a range in one revision and gives back what was there', async () => {
    for (const key of ['del/a', 'del/b', 'dem']) await kv.put(key, key);
    const result = await kv.delete({ prefix: 'del/' }, { prevKv: true });
    expect(result.deleted).toBe(2n);
    expect(keysOf(result.prevKvs)).toEqual(['del/a', 'del/b']);
    expect(await kv.delete({ prefix: 'del/' })).toMatchObject({ deleted: 0n, prevKvs: [] });
    expect(await kv.get('dem')).not.toBeNull();
  });

  it('what was compacted fails as compacted', async () => {
    const old = (await kv.put('compacted', '1')).header.revision;
    const now = (await kv.put('compacted', '2')).header.revision;
    expect((await kv.compact(now, { physical: true })).header.revision).toBeGreaterThanOrEqual(now);
    expect(await failureOf(kv.get('compacted', { revision: old }))).toMatchObject({
      code: 'compacted',
      name: 'CompactedError',
    });
    expect(await failureOf(kv.compact(old))).toMatchObject({ code: 'compacted', outcome: 'refused' });
    expect(await failureOf(kv.compact(1_000_000n))).toMatchObject({ code: 'future-revision' });
  });

  it('an answer of 6 MB arrives, and so does the unrelated call behind it (W9)', async () => {
    const value = Buffer.alloc(1_200_000, 7);
    for (const key of ['a', 'b', 'c', 'd', 'e']) await kv.put(`large/${key}`, value);
    const [large, small] = await Promise.all([kv.range({ prefix: 'large/' }), kv.get('large/none')]);
    expect(large.kvs.reduce((bytes, found) => bytes + found.value.length, 0)).toBe(6_000_000);
    expect(small).toBeNull();
    expect(await kv.get('large/none')).toBeNull();
  });

  it.each([1_600_000, 3_000_000])('a put of %i bytes is refused as too large and harms no later call', async (size) => {
    const error = await failureOf(kv.put('too-large', Buffer.alloc(size)));
    expect(error).toMatchObject({ code: 'request-too-large', outcome: 'refused' });
    expect(await kv.get('too-large')).toBeNull();
  });

  it('1,000 calls at once are all served', async () => {
    const puts = Array.from({ length: 1_000 }, (_, at) => kv.put(`many/${String(at)}`, String(at)));
    const revisions = (await Promise.all(puts)).map((result) => result.header.revision);
    expect(new Set(revisions).size).toBe(1_000);
    expect(await kv.count({ prefix: 'many/' })).toBe(1_000n);
  });

  it('an aborted call rejects with the reason, a stopped server with a time-out', async () => {
    const reason = new Error('enough');
    expect(await failureOf(kv.get('a', { signal: AbortSignal.abort(reason) }))).toMatchObject({
      code: 'aborted',
      cause: reason,
    });
    etcd().pause();
    try {
      const abort = new AbortController();
      const [read, write, aborted] = [
        failureOf(kv.get('a', { timeoutMs: 300 })),
        failureOf(kv.put('paused', '1', { timeoutMs: 300 })),
        failureOf(kv.put('paused', '2', { signal: abort.signal })),
      ];
      expect(await read).toMatchObject({ code: 'timeout' });
      expect(await write).toMatchObject({ code: 'timeout', outcome: 'unknown' });
      abort.abort();
      expect(await aborted).toMatchObject({ code: 'aborted', outcome: 'unknown' });
    } finally {
      etcd().resume();
    }
    const afterwards: EtcdError | KeyValue | null = await kv.get('a');
    expect(afterwards).toBeNull();
  });
});
