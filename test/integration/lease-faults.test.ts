/** What leases survive of their servers, as etcd itself says: outages, elections, silent members. The tests run side by side. */
import { describe, expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { endsOf, expectNoneLost, keepAlives, listed, ownerOf, pass } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { defaultEtcd } from '../support/etcd-binary.js';

const TRANSPORTS = ['http2', 'grpc-js'] as const;

describe.concurrent(`leases under faults, etcd ${defaultEtcd().version}`, () => {
  it.for(TRANSPORTS)(
    'etcd stopped for 5 s loses no lease of 25 s, and the renewals after it come spread: %s',
    async (transport, test) => {
      const own = ownerOf(test);
      const server = own(await EtcdProcess.start());
      const etcd = own(await connect({ endpoints: server.endpoint, shards: 1, transport }));
      const many = await etcd.leases.grantMany(2_000, { ttlSeconds: 25 });
      const ends = endsOf(many);
      await server.kill();
      await pass(5_000);
      server.launch();
      await server.waitReady();
      await pass(16_000);
      await expectNoneLost(server, many, ends);
    },
  );

  it.for(TRANSPORTS)(
    'a leader that is killed loses no lease of 10 s while a quorum is up: %s',
    async (transport, test) => {
      const own = ownerOf(test);
      const cluster = own(await EtcdCluster.start());
      const etcd = own(await connect({ endpoints: cluster.endpoints, shards: 1, transport }));
      const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
      const ends = endsOf(many);
      const leader = await cluster.leader();
      await leader.kill();
      await pass(14_000);
      await expectNoneLost(await cluster.leader(), many, ends);
    },
  );

  it.for(TRANSPORTS)('a member that swallows bytes loses no lease while another is up: %s', async (transport, test) => {
    const own = ownerOf(test);
    const cluster = own(await EtcdCluster.start());
    const proxies = await Promise.all(cluster.members.map(async (member) => own(await FaultProxy.start(member))));
    const etcd = own(await connect({ endpoints: proxies.map(({ endpoint }) => endpoint), shards: 1, transport }));
    const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
    const ends = endsOf(many);
    // Renewals go to the leader once it is found; that one falls silent.
    const leaderIndex = cluster.members.indexOf(await cluster.leader());
    const from = proxies[leaderIndex];
    await eventually(() => (from?.counters.open ?? 0) > 0);
    from?.swallow();
    await pass(12_000);
    expect(await keepAlives(etcd)).toBeGreaterThan(1_000);
    await expectNoneLost(await cluster.leader(), many, ends);
  });

  it('a grant whose answer was lost is recognised, not granted twice', async (test) => {
    const own = ownerOf(test);
    const server = own(await EtcdProcess.start());
    const proxy = own(await FaultProxy.start(server));
    const etcd = own(await connect({ endpoints: proxy.endpoint, shards: 1 }));
    const first = await etcd.leases.grant({ ttlSeconds: 20, intervalMs: 13_000 });
    // The next message that is no renewal is the answer to a grant.
    const cut = proxy.cutBefore((message) => message.kind === 'other');
    const lease = await etcd.leases.grant({ ttlSeconds: 20 });
    await cut;
    expect(await listed(server)).toEqual(new Set([first.leaseId, lease.leaseId]));
    expect(lease.isAlive()).toBe(true);
    expect(lease.ttlSeconds).toBe(20);
  });

  it('a lease that ran out because nobody answered ends as expired, by its deadline', async (test) => {
    const own = ownerOf(test);
    const server = own(await EtcdProcess.start());
    const etcd = own(await connect({ endpoints: server.endpoint, shards: 1 }));
    const lease = await etcd.leases.grant({ ttlSeconds: 3 });
    await server.kill();
    const end = await lease.ended;
    expect(end.reason).toBe('expired');
    expect(end.error?.code).toBeDefined();
    expect(lease.isAlive()).toBe(false);
  });

  it('a registered key comes back after the store was wiped', async (test) => {
    const own = ownerOf(test);
    const server = own(await EtcdProcess.start());
    const etcd = own(await connect({ endpoints: server.endpoint, shards: 1 }));
    const registration = await etcd.leases.register('svc/wiped', 'here', { ttlSeconds: 5 });
    await server.kill();
    server.wipe();
    server.launch();
    await server.waitReady();
    const raw = new RawEtcd(server.address);
    await eventually(async () => (await raw.range('svc/wiped')).kvs.length === 1);
    raw.close();
    await registration.close();
  });
});
