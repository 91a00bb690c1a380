/** What leases survive, as etcd itself says: blocks, outages, elections, silent members, crashed workers. */
import { runningWorkers } from '../support/worker-tap.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectOptions, Etcd, LeaseCollection, LeaseEnd } from 'etcd-vigil';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { Etcdctl } from '../support/etcdctl.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { defaultEtcd } from '../support/etcd-binary.js';

// After the tap, which a static import would overtake.
const { connect } = await import('etcd-vigil');

interface Closable {
  close(): Promise<void> | void;
}
const opened: Closable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});
function owned<T extends Closable>(one: T): T {
  opened.push(one);
  return one;
}
async function connected(options: ConnectOptions): Promise<Etcd> {
  return owned(await connect(options));
}

/** As etcd itself says, through a client of its own. */
async function listed(server: EtcdProcess): Promise<Set<bigint>> {
  return new Set(await new Etcdctl(server).leases());
}

/** Every lease of the collection is alive here and known to etcd. */
async function expectNoneLost(server: EtcdProcess, many: LeaseCollection, ends: readonly LeaseEnd[]): Promise<void> {
  expect(ends).toEqual([]);
  expect(many.aliveCount).toBe(many.size);
  const known = await listed(server);
  const missing = Array.from({ length: many.size }, (_, index) => many.leaseIdAt(index)).filter((id) => !known.has(id));
  expect(missing).toEqual([]);
}

function endsOf(many: LeaseCollection): LeaseEnd[] {
  const ends: LeaseEnd[] = [];
  many.onEnded((end) => ends.push(end));
  return ends;
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Waits on the clock: these tests are about time that passes. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await eventually(() => performance.now() >= end, { timeoutMs: ms + 5_000, intervalMs: 50 });
}

async function keepAlives(etcd: Etcd): Promise<number> {
  return (await etcd.stats()).shards.reduce((sum, { stats }) => sum + (stats?.keepAlives ?? 0), 0);
}

describe(`leases under faults, etcd ${defaultEtcd().version}`, () => {
  it('a main thread blocked for twice the TTL loses none, and the first line after reads right deadlines', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1 });
    const many = await etcd.leases.grantMany(2_000, { ttlSeconds: 5 });
    const ends = endsOf(many);
    const first = many.at(0);
    const before = first.deadline.getTime();
    block(10_000);
    const alive = many.aliveCount;
    const after = first.deadline.getTime();
    expect(alive).toBe(2_000);
    expect(after).toBeGreaterThan(before + 5_000);
    expect(after).toBeGreaterThan(Date.now());
    expect(after).toBeLessThanOrEqual(Date.now() + 5_000);
    await expectNoneLost(server, many, ends);
  });

  it('with livenessMs a blocked main thread gives every lease up: not alive in the first line after, ended once, halted', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1, livenessMs: 3_000 });
    const many = await etcd.leases.grantMany(2_000, { ttlSeconds: 5 });
    const ends = endsOf(many);
    await pass(1_000);
    expect(many.aliveCount).toBe(2_000);
    block(10_000);
    const alive = many.aliveCount;
    expect(alive).toBe(0);
    await eventually(() => ends.length >= 2_000);
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(['halted']));
    expect(new Set(ends.map(({ leaseId }) => leaseId)).size).toBe(2_000);
    // Renewals stopped after 3 s: etcd has dropped them all, or does so now.
    await eventually(async () => (await listed(server)).size === 0, { timeoutMs: 15_000, intervalMs: 200 });
    const next = await etcd.leases.grant({ ttlSeconds: 5 });
    await pass(4_000);
    expect(next.isAlive()).toBe(true);
    expect(ends).toHaveLength(2_000);
  });

  it('inline, where a block stops the renewals too, livenessMs halts as well', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 'inline', livenessMs: 1_000 });
    const lease = await etcd.leases.grant({ ttlSeconds: 30 });
    block(1_500);
    expect(lease.isAlive()).toBe(false);
    await expect(lease.ended).resolves.toMatchObject({ reason: 'halted' });
    expect(lease.isAlive()).toBe(false);
  });

  it('etcd stopped for 5 s loses no lease of 15 s, and the renewals after it come spread', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1 });
    const many = await etcd.leases.grantMany(2_000, { ttlSeconds: 15 });
    const ends = endsOf(many);
    await server.kill();
    await pass(5_000);
    server.launch();
    await server.waitReady();
    await pass(16_000);
    await expectNoneLost(server, many, ends);
  });

  it('a leader that is killed loses no lease of 10 s while a quorum is up', async () => {
    const cluster = owned(await EtcdCluster.start());
    const etcd = await connected({ endpoints: cluster.endpoints, shards: 1 });
    const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
    const ends = endsOf(many);
    const leader = await cluster.leader();
    await leader.kill();
    await pass(14_000);
    await expectNoneLost(await cluster.leader(), many, ends);
  });

  it('a member that swallows bytes loses no lease while another is up', async () => {
    const cluster = owned(await EtcdCluster.start());
    const proxies = await Promise.all(cluster.members.map(async (member) => owned(await FaultProxy.start(member))));
    const etcd = await connected({ endpoints: proxies.map(({ endpoint }) => endpoint), shards: 1 });
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

  it('a grant whose answer was lost is recognised, not granted twice', async () => {
    const server = owned(await EtcdProcess.start());
    const proxy = owned(await FaultProxy.start(server));
    const etcd = await connected({ endpoints: proxy.endpoint, shards: 1 });
    const first = await etcd.leases.grant({ ttlSeconds: 20, intervalMs: 13_000 });
    // The next message that is no renewal is the answer to a grant.
    const cut = proxy.cutBefore((message) => message.kind === 'other');
    const lease = await etcd.leases.grant({ ttlSeconds: 20 });
    await cut;
    expect(await listed(server)).toEqual(new Set([first.leaseId, lease.leaseId]));
    expect(lease.isAlive()).toBe(true);
    expect(lease.ttlSeconds).toBe(20);
  });

  it('a worker that is killed loses no lease, whatever it was doing', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1 });
    const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 5 });
    const ends = endsOf(many);
    const late = etcd.leases.grantMany(500, { ttlSeconds: 5 });
    await runningWorkers()[0]?.terminate();
    const other = await late;
    await pass(7_000);
    await expectNoneLost(server, many, ends);
    await expectNoneLost(server, other, []);
    expect((await listed(server)).size).toBe(1_500);
  });

  it('a lease that ran out because nobody answered ends as expired, by its deadline', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1 });
    const lease = await etcd.leases.grant({ ttlSeconds: 3 });
    await server.kill();
    const start = performance.now();
    const end = await lease.ended;
    expect(end.reason).toBe('expired');
    expect(end.error?.code).toBeDefined();
    expect(performance.now() - start).toBeLessThan(4_000);
    expect(lease.isAlive()).toBe(false);
  });

  it('a registered key comes back after the store was wiped', async () => {
    const server = owned(await EtcdProcess.start());
    const etcd = await connected({ endpoints: server.endpoint, shards: 1 });
    const registration = await etcd.leases.register('svc/wiped', 'here', { ttlSeconds: 5 });
    await server.kill();
    server.wipe();
    server.launch();
    await server.waitReady();
    const raw = new RawEtcd(server.address);
    await eventually(async () => (await raw.range('svc/wiped')).kvs.length === 1, { timeoutMs: 20_000 });
    raw.close();
    await registration.close();
  });
});
