import { describe, expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { withEmbedded } from '../support/embedded-fixture.js';
import { EtcdTalk } from '../support/etcd-talk.js';
import { eventually } from '../support/poll.js';

describe('the engine on the embedded server', () => {
  it('watches hundreds of ranges without loss or doubles, from the past and live', async () => {
    await withEmbedded({}, async (etcd) => {
      const keys = Array.from({ length: 300 }, (_, n) => `k/${String(n)}`);
      await Promise.all(keys.map((key) => etcd.kv.put(key, 'past')));
      const seen = new Map<string, string[]>();
      const group = etcd.watchGroup({
        onBatch: (batch) => {
          for (const part of batch) {
            for (const event of part.events) {
              const key = event.key.string();
              seen.set(key, [...(seen.get(key) ?? []), event.value.string()]);
            }
          }
        },
      });
      for (const key of keys) group.add({ key }, { startRevision: 2n });
      await group.ready();
      await Promise.all(keys.map((key) => etcd.kv.put(key, 'live')));
      const all = (): number => [...seen.values()].reduce((sum, { length }) => sum + length, 0);
      await eventually(() => all() >= 600);
      expect([...seen.values()]).toEqual(keys.map(() => ['past', 'live']));
    });
  });

  it('is told a compacted start, and deletions with the value before', async () => {
    await withEmbedded({}, async (etcd) => {
      for (const value of ['1', '2', '3', '4']) await etcd.kv.put('k', value);
      await etcd.kv.compact(4n);
      const late = etcd.watch('k', { startRevision: 2n });
      const read = late[Symbol.asyncIterator]();
      await expect(read.next()).rejects.toMatchObject({ code: 'compacted', compactRevision: 4n });
      const watcher = etcd.watch('k', { prevKv: true });
      await watcher.ready;
      await etcd.kv.delete('k');
      for await (const batch of watcher) {
        const [event] = batch;
        expect([event?.type, event?.prevKv?.value.string(), batch.revision]).toEqual(['delete', '4', 6n]);
        break;
      }
    });
  });

  it('keeps leases alive, and lets go what nobody keeps when the clock is turned', async () => {
    const server = await EmbeddedEtcd.start({ clock: 'manual' });
    try {
      const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
      const talk = new EtcdTalk(server.address);
      try {
        await talk.lease('Grant', 7n, 5n);
        await etcd.kv.put('mine', 'v', { lease: 7n });
        await server.advanceClock(4_999);
        expect((await etcd.kv.get('mine'))?.value.string()).toBe('v');
        await server.advanceClock(1);
        expect(await etcd.kv.get('mine')).toBeNull();
        const lease = await etcd.leases.grant({ ttlSeconds: 60 });
        await server.advanceClock(59_000);
        await etcd.leases.keepAliveOnce(lease.leaseId);
        await server.advanceClock(59_000);
        expect((await etcd.leases.timeToLive(lease.leaseId))?.ttlSeconds).toBe(1);
      } finally {
        talk.close();
        await etcd.close();
      }
    } finally {
      await server.close();
    }
  });
});

describe('the embedded server', () => {
  it('serves 10,000 watches on one stream, and goes on when the stream is cut off', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const talk = new EtcdTalk(server.address);
      try {
        const stream = talk.stream('Watch/Watch');
        for (let n = 0; n < 10_000; n += 1) stream.watch({ key: `k${String(n)}/`, end: `k${String(n)}0` });
        expect(await stream.answers(10_000)).toHaveLength(10_000);
        await etcd.kv.put('k77/x', 'v');
        expect(await stream.answers(1)).toEqual(['77 @2 put k77/x@2=v/c2/v1/l0']);
        stream.cancel();
        await stream.status();
        expect((await etcd.kv.put('k77/x', 'w')).header.revision).toBe(3n);
      } finally {
        talk.close();
      }
    });
  });
});
