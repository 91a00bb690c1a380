/** Pages against a real etcd: one revision for all, whatever happens meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kv } from '../../src/main/kv/kv.js';
import { put } from '../../src/main/kv/operation.js';
import type { Page } from '../../src/main/kv/pages.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { failureOf, kvOf, type KvClient } from './kv-client.js';

const KEYS = 5_000;
const name = (at: number): string => `page/${String(at).padStart(5, '0')}`;

describe('pages on a real etcd', () => {
  const etcd = suiteEtcd();
  let client: KvClient;
  let kv: Kv;
  beforeAll(async () => {
    client = kvOf(etcd().endpoint);
    kv = client.kv;
    for (let at = 0; at < KEYS; at += 100) {
      await kv
        .txn()
        .then(...Array.from({ length: 100 }, (_, more) => put(name(at + more), 'before')))
        .commit();
    }
  });
  afterAll(() => client.close());

  async function collect(pages: AsyncIterable<Page>): Promise<Page[]> {
    const all: Page[] = [];
    for await (const page of pages) all.push(page);
    return all;
  }

  it('give 5,000 keys as they were at the first page, while others write and delete', async () => {
    const { header } = await kv.range({ key: 'x' });
    const seen: string[] = [];
    let pageCount = 0;
    for await (const page of kv.pages({ prefix: 'page/' }, { pageSize: 700 })) {
      pageCount += 1;
      expect(page.revision).toBe(header.revision);
      expect(page.count).toBe(BigInt(KEYS));
      for (const found of page.kvs) {
        expect(found.value.string()).toBe('before');
        seen.push(found.key.string());
      }
      // Ahead of the next page: one key changed, one gone, one new.
      const next = pageCount * 700 + 10;
      await kv
        .txn()
        .then(put(name(next), 'after'), put(`${name(next)}/new`, ''))
        .commit();
      await kv.delete(name(next + 1));
    }
    expect(pageCount).toBe(8);
    expect(seen).toEqual(Array.from({ length: KEYS }, (_, at) => name(at)));
    // A new key behind each page and one changed beyond the last, less the seven that were there to be deleted.
    expect(await kv.count({ prefix: 'page/' })).toBe(BigInt(KEYS + 8 + 1 - 7));
  });

  it('end with compacted when the revision is compacted between two pages', async () => {
    const pages = kv.pages({ prefix: 'page/' }, { pageSize: 100 });
    const first = await pages.next();
    expect(first.done).toBe(false);
    const { header } = await kv.put('other', '');
    await kv.compact(header.revision);
    expect(await failureOf(pages.next())).toMatchObject({ code: 'compacted', name: 'CompactedError' });
    expect(await pages.next()).toEqual({ done: true, value: undefined });
  });

  it('limit bounds all pages together, and pages may be shorter than it', async () => {
    const sizes = async (options: object): Promise<number[]> =>
      (await collect(kv.pages({ prefix: 'page/' }, options))).map((page) => page.kvs.length);
    expect(await sizes({ pageSize: 100, limit: 250 })).toEqual([100, 100, 50]);
    expect(await sizes({ pageSize: 100, limit: 200 })).toEqual([100, 100]);
    expect(await sizes({ limit: 1 })).toEqual([1]);
  });

  it('of keys with every byte lose and double none', async () => {
    const keys = Array.from({ length: 256 }, (_, byte) => Buffer.from([0xfe, byte]));
    for (const key of [Buffer.from([0xfe]), ...keys]) await kv.put(key, '');
    const pages = await collect(kv.pages({ prefix: Buffer.from([0xfe]) }, { pageSize: 10, keysOnly: true }));
    const found = pages.flatMap((page) => page.kvs.map((kept) => Buffer.from(kept.key).toString('hex')));
    expect(found).toEqual(['fe', ...keys.map((key) => key.toString('hex'))]);
  });

  it('of the whole keyspace, of one key, and of nothing', async () => {
    const all = await collect(kv.pages({ all: true }, { keysOnly: true }));
    expect(all.flatMap((page) => page.kvs)).toHaveLength(Number(await kv.count({ all: true })));
    expect((await collect(kv.pages(name(0)))).map((page) => page.kvs.length)).toEqual([1]);
    const [empty, ...rest] = await collect(kv.pages({ prefix: 'none/' }));
    expect(rest).toEqual([]);
    expect(empty).toMatchObject({ kvs: [], count: 0n, revision: empty?.header.revision });
  });

  it('of an older revision show that revision', async () => {
    const { header } = await kv.put('older/a', '1');
    await kv.delete('older/a');
    const pages = await collect(kv.pages({ prefix: 'older/' }, { revision: header.revision }));
    expect(pages.map((page) => [page.revision, page.kvs.length])).toEqual([[header.revision, 1]]);
  });

  it('stop reading when the consumer stops', async () => {
    for await (const page of kv.pages({ prefix: 'page/' }, { pageSize: 10 })) {
      expect(page.kvs).toHaveLength(10);
      break;
    }
  });
});
