import { describe, expect, it } from 'vitest';
import { EtcdError } from 'etcd-vigil';
import { withEmbedded } from '../support/embedded-fixture.js';

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'no error',
    (error: unknown) => (error instanceof EtcdError ? error.code : error),
  );
}

describe('the engine on the embedded server', () => {
  it('puts, reads, pages, deletes, and sees each revision', async () => {
    await withEmbedded({}, async (etcd) => {
      for (const key of ['a', 'b', 'c']) await etcd.kv.put(key, `v${key}`);
      const { prevKv, header } = await etcd.kv.put('a', 'again', { prevKv: true });
      expect([prevKv?.value.string(), header.revision]).toEqual(['va', 5n]);
      const page = await etcd.kv.range({ all: true }, { limit: 2 });
      expect([page.kvs.map((kv) => kv.key.string()), page.more, page.count]).toEqual([['a', 'b'], true, 3n]);
      expect((await etcd.kv.get('a', { revision: 2n }))?.value.string()).toBe('va');
      expect((await etcd.kv.delete({ prefix: 'b' })).deleted).toBe(1n);
      expect(await etcd.kv.get('b')).toBeNull();
    });
  });

  it('tells compaction, the future, and a request that is too large by their codes', async () => {
    await withEmbedded({}, async (etcd) => {
      for (let write = 0; write < 4; write += 1) await etcd.kv.put('a', String(write));
      await etcd.kv.compact(4n);
      expect(await codeOf(etcd.kv.get('a', { revision: 3n }))).toBe('compacted');
      expect(await codeOf(etcd.kv.get('a', { revision: 9n }))).toBe('future-revision');
      expect(await codeOf(etcd.kv.put('a', Buffer.alloc(1_600_000)))).toBe('request-too-large');
      expect((await etcd.kv.put('a', Buffer.alloc(1_500_000))).header.revision).toBe(6n);
    });
  });

  it('serves many callers at once, each write a revision of its own', async () => {
    await withEmbedded({}, async (etcd) => {
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, place) => etcd.kv.put(`k${String(place)}`, 'v')),
      );
      const revisions = new Set(answers.map(({ header }) => header.revision));
      expect([revisions.size, (await etcd.kv.range({ all: true }, { countOnly: true })).count]).toEqual([500, 500n]);
    });
  });
});
