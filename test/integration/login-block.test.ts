/** A main thread that is blocked while tokens run out: worker threads log in by themselves, and nothing is lost. */
import { expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { AuthAdmin, JwtKeys, loginCount } from '../support/auth-admin.js';
import { defaultEtcd } from '../support/etcd-binary.js';
import { EtcdProcess } from '../support/etcd.js';
import { ownerOf } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';

const BLOCK_MS = 10_000;

it(`leases live on and watches miss nothing while the main thread is blocked for 10 s (etcd ${defaultEtcd().version})`, async (test) => {
  const own = ownerOf(test);
  const keys = own(new JwtKeys());
  const server = own(await EtcdProcess.start({ flags: keys.flags(3) }));
  const admin = new AuthAdmin(server.endpoint);
  await admin.enable([{ name: 'app', password: 'pw', prefixes: ['app/'] }]);
  const auth = { username: 'app', password: 'pw' };
  const etcd = own(await connect({ endpoints: server.endpoint, shards: 2, auth }));
  const leases = await etcd.leases.grantMany(40, { ttlSeconds: 4 });
  const seen: string[] = [];
  const watcher = etcd.watch({ prefix: 'app/' });
  await watcher.ready;
  void (async () => {
    for await (const batch of watcher) for (const event of batch) seen.push(event.value.string());
  })();
  await etcd.kv.put('app/k', 'before');
  const before = await loginCount(server.endpoint);
  const end = performance.now() + BLOCK_MS;
  while (performance.now() < end);
  const during = (await loginCount(server.endpoint)) - before;
  await etcd.kv.put('app/k', 'after');
  await eventually(() => seen.at(-1) === 'after');
  expect(seen).toEqual(['before', 'after']);
  expect(leases.aliveCount).toBe(40);
  // Tokens run out every 3 s; once for each of the two shards, where its renewals are refused at all.
  expect(during).toBeLessThanOrEqual(8);
});
