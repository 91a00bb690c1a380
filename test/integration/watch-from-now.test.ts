/** A watch from now on begins after every revision that its engine had been answered, whatever happens to its stream later. */
import { connect, put, type ConnectOptions, type Etcd, type Watcher } from 'etcd-vigil';
import { afterEach, describe, expect, test } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

interface Seen {
  readonly watcher: Watcher;
  readonly revisions: bigint[];
  readonly end: { reason: string | undefined };
}

function watchKey(etcd: Etcd, key: string): Seen {
  const revisions: bigint[] = [];
  const end: Seen['end'] = { reason: undefined };
  const watcher = etcd.watch(key, {
    onBatch: (batch) => void revisions.push(...Array.from(batch, ({ modRevision }) => modRevision)),
  });
  void watcher.ended.then(({ reason }) => (end.reason = reason));
  return { watcher, revisions, end };
}

const ways: [string, ConnectOptions['shards']][] = [
  ['one thread', 1],
  ['two threads', 2],
  ['inline', 'inline'],
];

describe.each(ways)('a watch from now on, with shards in %s', (_name, shards) => {
  const server = suiteEtcd();
  const closers: (() => Promise<unknown>)[] = [];
  let keys = 0;
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** What the application does to a key, and the revision at which it was told that it was done; undefined where it is not told. */
  const acts: Readonly<Record<string, (etcd: Etcd, key: string) => Promise<bigint | undefined>>> = {
    put: async ({ kv }, key) => (await kv.put(key, '1')).header.revision,
    delete: async ({ kv }, key) => {
      await kv.put(key, '1');
      return (await kv.delete(key)).header.revision;
    },
    transaction: async ({ kv }, key) => {
      return (await kv.txn().then(put(key, '1')).commit()).header.revision;
    },
    'revocation of a lease that it held': async ({ kv, leases }, key) => {
      const lease = await leases.grant({ ttlSeconds: 60 });
      await kv.put(key, '1', { lease });
      await lease.revoke();
      return undefined;
    },
    'revocation of a lease that nobody here holds': async ({ kv, leases }, key) => {
      const raw = new RawEtcd(server().address);
      const { leaseId } = await raw.grant(60);
      raw.close();
      await kv.put(key, '1', { lease: leaseId });
      await leases.revoke(leaseId);
      return undefined;
    },
    read: async ({ kv }, key) => {
      const raw = new RawEtcd(server().address);
      await raw.put(key, '1');
      raw.close();
      return (await kv.range(key)).header.revision;
    },
    'watch of somebody else’s write': async (etcd, key) => {
      const other = watchKey(etcd, key);
      await other.watcher.ready;
      const raw = new RawEtcd(server().address);
      const revision = await raw.put(key, '1');
      raw.close();
      await eventually(() => other.revisions.length > 0);
      await other.watcher.cancel();
      return revision;
    },
  };

  test.each(Object.keys(acts))('does not deliver after a cut what a %s had told of before', async (name) => {
    const proxy = await FaultProxy.start(server());
    closers.push(() => proxy.close());
    const etcd = await connect({ endpoints: proxy.endpoint, shards });
    closers.push(() => etcd.close());
    const key = `${name} ${String((keys += 1))}`;
    const told = await acts[name]?.(etcd, key);
    const raw = new RawEtcd(server().address);
    closers.push(async () => raw.close());
    const last = await raw.revision();
    const seen = watchKey(etcd, key);
    const { startRevision } = await seen.watcher.ready;
    if (told !== undefined) expect(startRevision).toBeGreaterThan(told);
    expect(startRevision).toBe(last + 1n);
    const { shards: before } = await etcd.stats();
    const resumes = before.reduce((sum, { stats }) => sum + (stats?.resumes ?? 0), 0);
    proxy.cut();
    await eventually(async () => {
      const { shards: now } = await etcd.stats();
      return now.reduce((sum, { stats }) => sum + (stats?.resumes ?? 0), 0) > resumes;
    });
    const after = await raw.put(key, '2');
    await eventually(() => seen.revisions.includes(after));
    expect(seen.revisions).toEqual([after]);
  });
});

describe('a watch from now on after the store was replaced while the engine runs', () => {
  test.each(ways)('sees the new store, with shards in %s', async (_name, shards) => {
    const server = await EtcdProcess.start();
    const etcd = await connect({ endpoints: server.endpoint, shards });
    try {
      for (let count = 0; count < 40; count += 1) await etcd.kv.put('old', String(count));
      await server.kill();
      server.wipe();
      server.launch();
      await server.waitReady();
      // The application is told of the new store before any shard has looked at it.
      const { header } = await etcd.kv.put('new', '0', { timeoutMs: 60_000 });
      expect(header.revision).toBe(2n);
      const seen = Array.from({ length: 4 }, () => watchKey(etcd, 'new'));
      await Promise.all(seen.map(({ watcher }) => watcher.ready));
      const last = await etcd.kv.put('new', '1');
      await eventually(() => seen.every(({ revisions }) => revisions.includes(last.header.revision)));
      for (const { revisions, end } of seen) expect({ revisions, end }).toEqual({ revisions: [3n], end: {} });
      const later = watchKey(etcd, 'new');
      expect((await later.watcher.ready).startRevision).toBe(4n);
    } finally {
      await etcd.close();
      await server.close();
    }
  });
});
