/** New endpoints and certificates in a running engine: nothing lost, nothing doubled, no lease lapses, no other cluster. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runningWorkers } from '../support/worker-tap.js';
import type { Etcd, Lease, LeaseEnd } from 'etcd-vigil';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StatusLog } from '../fault/status-log.js';
import { WatchFleet } from '../fault/watch-fleet.js';
import { TestCertificates, type CertificatePair } from '../support/certificates.js';
import { COMBINATIONS, combinationName } from '../support/engine-fixture.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';

// After the tap, which a static import would overtake.
const { connect } = await import('etcd-vigil');

// Each transport once, and threads and inline once: the full matrix is the stream contract suite's.
const matrix = COMBINATIONS.filter(({ transport, shards }) => (transport === 'http2') === (shards !== 'inline')).map(
  (combination) => ({ ...combination, name: combinationName(combination) }),
);
const LEASES = 200;
/** On a busy machine a cluster of three may stand still for seconds. */
const TTL_SECONDS = 10;

const opened: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});
function owned<T extends { close(): Promise<void> | void }>(one: T): T {
  opened.push(one);
  return one;
}

/** Watches of many keys, and leases; what has to hold whatever the settings. */
class Tenants {
  readonly fleet: WatchFleet;
  readonly leases: Lease[] = [];
  readonly ends: LeaseEnd[] = [];
  readonly #etcd: Etcd;

  private constructor(etcd: Etcd) {
    this.#etcd = etcd;
    this.fleet = new WatchFleet(etcd);
  }

  static async of(etcd: Etcd, prefix: string): Promise<Tenants> {
    const tenants = new Tenants(etcd);
    for (let index = 0; index < 100; index += 1) tenants.fleet.addKey(`${prefix}${String(index)}`);
    await tenants.fleet.group.ready();
    const many = await etcd.leases.grantMany(LEASES, { ttlSeconds: TTL_SECONDS });
    tenants.leases.push(...many);
    many.onEnded((end) => tenants.ends.push(end));
    return tenants;
  }

  async expectNothingLost(raw: RawEtcd): Promise<void> {
    const last = await this.fleet.settle(raw);
    await this.fleet.verify(raw, last);
    expect(this.fleet.living.length).toBe(100);
    expect(this.ends).toEqual([]);
    const deadlines = this.leases.map(({ deadline }) => deadline.getTime());
    await eventually(() => this.leases.every(({ deadline }, index) => deadline.getTime() > (deadlines[index] ?? 0)), {
      what: 'a renewal of each lease',
    });
    let known = 0;
    for await (const id of this.#etcd.leases.list()) known += id === 0n ? 0 : 1;
    expect(known).toBeGreaterThanOrEqual(LEASES);
  }
}

/** No watch stream is on this endpoint any more, and no lease is renewed there. */
async function left(status: StatusLog, endpoint: string): Promise<void> {
  const isLeft = (): boolean => {
    const changes = status.all.filter((one) => one.type === 'connected' || one.type === 'left');
    const live = changes.filter((one) => one.lane === 'live' && one.endpoint === endpoint);
    const lease = changes.filter((one) => one.lane === 'lease' && one.type === 'connected');
    return live.at(-1)?.type !== 'connected' && lease.at(-1)?.endpoint !== endpoint;
  };
  await eventually(isLeft, { timeoutMs: 15_000, what: `leaving ${endpoint}` });
}

describe('endpoints of a cluster of three', () => {
  let cluster: EtcdCluster;
  let other: EtcdProcess;
  beforeAll(async () => {
    [cluster, other] = await Promise.all([EtcdCluster.start(), EtcdProcess.start()]);
  });
  afterAll(async () => {
    await Promise.all([cluster.close(), other.close()]);
  });

  it.each(matrix)('the one in use is removed under load: $name', async ({ transport, shards, name }) => {
    const [first = '', second = '', third = ''] = cluster.endpoints;
    const writer = cluster.members[2];
    if (writer === undefined) throw new Error('three members');
    const raw = owned(new RawEtcd(writer.address));
    const prefix = `replace ${name}/`;
    const etcd = owned(await connect({ endpoints: [first], transport, shards }));
    const status = new StatusLog(etcd);
    const tenants = await Tenants.of(etcd, prefix);
    const load = putMany(writer.address, 3_000, { prefix, keys: 100, deleteEvery: 6 });
    await eventually(() => tenants.fleet.recorder.labels.length > 50);
    const answer = await etcd.reconfigure({ endpoints: [second, third] });
    expect(answer).toEqual({ changed: true, endpoints: [second, third], answered: [second, third] });
    await left(status, first);
    // And back, while events flow.
    await etcd.reconfigure({ endpoints: [first, second] });
    await etcd.reconfigure({ endpoints: [first] });
    await load;
    await left(status, second);
    await left(status, third);
    await tenants.expectNothingLost(raw);
    expect((await etcd.stats()).shards.reduce((sum, { stats }) => sum + (stats?.resumes ?? 0), 0)).toBe(0);
    expect(status.of('settings-changed').map(({ endpoints }) => endpoints.length)).toEqual([2, 2, 1]);
  });

  it('a stream whose member is still there stays where it is', async () => {
    const proxy = owned(await FaultProxy.start({ port: cluster.members[0]?.port ?? 0 }));
    const etcd = owned(await connect({ endpoints: [proxy.endpoint], shards: 1 }));
    const tenants = await Tenants.of(etcd, 'stay/');
    const before = proxy.counters;
    await etcd.reconfigure({ endpoints: [...cluster.endpoints, proxy.endpoint] });
    await etcd.kv.put('stay/1', 'x');
    await eventually(() => tenants.fleet.recorder.labels.length > 0);
    expect(proxy.counters.open).toBeGreaterThanOrEqual(2);
    // One that asked who is there.
    expect(proxy.counters.accepted - before.accepted).toBeLessThanOrEqual(1);
  });

  it('the same settings change nothing', async () => {
    const etcd = owned(await connect({ endpoints: cluster.endpoints, shards: 1 }));
    const endpoints = [...cluster.endpoints].reverse();
    expect(await etcd.reconfigure({ endpoints })).toEqual({
      changed: false,
      endpoints: cluster.endpoints,
      answered: [],
    });
  });

  it('a call on its way finishes where it is, later ones go elsewhere', async () => {
    const proxy = owned(await FaultProxy.start({ port: cluster.members[0]?.port ?? 0 }));
    const etcd = owned(await connect({ endpoints: [proxy.endpoint], shards: 1 }));
    proxy.hold('to-client');
    const held = etcd.kv.put('held', '1');
    const sent = proxy.counters.bytesToServer;
    await eventually(() => proxy.counters.bytesToServer > sent);
    await etcd.reconfigure({ endpoints: cluster.endpoints });
    await etcd.kv.put('later', '1');
    await proxy.restore();
    expect((await held).header.revision).toBeGreaterThan(0n);
    await eventually(() => proxy.counters.open === 0);
  });

  it('of which none answers are refused, and everything goes on', async () => {
    const etcd = owned(await connect({ endpoints: cluster.endpoints, shards: 1, connectTimeoutMs: 500 }));
    const status = new StatusLog(etcd);
    await expect(etcd.reconfigure({ endpoints: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'connect-failed',
    });
    await expect(etcd.reconfigure({ endpoints: 'http://' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(etcd.reconfigure({})).rejects.toMatchObject({ code: 'invalid-argument' });
    await etcd.kv.put('goes-on', '1');
    expect(status.of('settings-refused').map(({ error }) => error.code)).toEqual([
      'connect-failed',
      'invalid-argument',
      'invalid-argument',
    ]);
  });

  it('applied although none answers: streams stay on the old ones, calls wait, and all move when one does', async () => {
    const [first = ''] = cluster.endpoints;
    const proxy = owned(await FaultProxy.start({ port: cluster.members[1]?.port ?? 0 }));
    await proxy.refuse();
    const writer = cluster.members[2];
    const raw = owned(new RawEtcd(writer?.address ?? ''));
    const etcd = owned(await connect({ endpoints: first, shards: 1 }));
    const status = new StatusLog(etcd);
    const tenants = await Tenants.of(etcd, 'apply/');
    const answer = await etcd.reconfigure({ endpoints: proxy.endpoint, unreachable: 'apply' });
    expect(answer.answered).toEqual([]);
    let isOver = false;
    const waiting = etcd.kv.put('applied/x', '1').finally(() => (isOver = true));
    // One that does not wait as long says so, and has written nothing.
    await expect(etcd.kv.put('applied/y', '1', { timeoutMs: 300 })).rejects.toMatchObject({ outcome: 'not-sent' });
    const last = await tenants.fleet.settle(raw);
    await eventually(() => status.of('disconnected').some(({ endpoint }) => endpoint === proxy.endpoint));
    expect(tenants.fleet.recorder.lastRevision(100n)).toBe(last);
    expect(isOver).toBe(false);
    await proxy.restore();
    expect((await waiting).header.revision).toBeGreaterThan(last);
    expect((await raw.range('applied/y', prefixEnd('applied/y'))).kvs).toEqual([]);
    await left(status, first);
    await tenants.expectNothingLost(raw);
  });

  it('of another cluster are refused, at connect and later', async () => {
    await expect(connect({ endpoints: [...cluster.endpoints, other.endpoint], shards: 1 })).rejects.toMatchObject({
      code: 'cluster-mismatch',
      endpoint: other.endpoint,
    });
    const etcd = owned(await connect({ endpoints: cluster.endpoints, shards: 1 }));
    const tenants = await Tenants.of(etcd, 'other/');
    for (const endpoints of [[other.endpoint], [...cluster.endpoints, other.endpoint]]) {
      await expect(etcd.reconfigure({ endpoints })).rejects.toMatchObject({ code: 'cluster-mismatch' });
    }
    await tenants.expectNothingLost(owned(new RawEtcd(cluster.members[0]?.address ?? '')));
  });

  it('of another cluster that show up later are never used', async () => {
    const late = owned(await FaultProxy.start({ port: other.port }));
    await late.refuse();
    const [first = ''] = cluster.endpoints;
    const etcd = owned(await connect({ endpoints: [first, late.endpoint], shards: 2 }));
    const status = new StatusLog(etcd);
    const tenants = await Tenants.of(etcd, 'late/');
    await late.restore();
    for (let index = 0; index < 20; index += 1) await etcd.kv.put(`late/${String(index)}`, 'x');
    const raw = owned(new RawEtcd(other.address));
    expect((await raw.range('late/', prefixEnd('late/'))).kvs).toEqual([]);
    // The only one left by name: still not the cluster that is watched.
    await etcd.reconfigure({ endpoints: first });
    await late.refuse();
    await etcd.reconfigure({ endpoints: late.endpoint, unreachable: 'apply' });
    await late.restore();
    await eventually(() =>
      ['live', 'lease'].every((lane) =>
        status.of('disconnected').some((one) => one.lane === lane && one.error.code === 'cluster-mismatch'),
      ),
    );
    await expect(etcd.kv.put('late/x', 'x', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'cluster-mismatch' });
    expect((await raw.range('late/', prefixEnd('late/'))).kvs).toEqual([]);
    await etcd.reconfigure({ endpoints: first });
    await tenants.expectNothingLost(owned(new RawEtcd(cluster.members[0]?.address ?? '')));
  });

  it('of two clusters in a lazy engine: the first that answers is the one, the other is never used', async () => {
    const proxy = owned(await FaultProxy.start({ port: cluster.members[0]?.port ?? 0 }));
    const etcd = owned(await connect({ endpoints: [proxy.endpoint, other.endpoint], shards: 1, lazy: true }));
    await etcd.kv.put('lazy/0', 'x');
    const status = new StatusLog(etcd);
    const tenants = await Tenants.of(etcd, 'lazy/');
    await proxy.refuse();
    proxy.cut();
    const lanes = ['live', 'lease'] as const;
    await eventually(() =>
      lanes.every((lane) =>
        status.of('disconnected').some((one) => one.lane === lane && one.error.code === 'cluster-mismatch'),
      ),
    );
    await expect(etcd.kv.put('lazy/0', 'y', { timeoutMs: 1_000 })).rejects.toMatchObject({ outcome: 'not-sent' });
    const strange = owned(new RawEtcd(other.address));
    expect((await strange.range('lazy/', prefixEnd('lazy/'))).kvs).toEqual([]);
    await proxy.restore();
    await tenants.expectNothingLost(owned(new RawEtcd(cluster.members[1]?.address ?? '')));
  });

  it('a respawned shard starts with the newest', async () => {
    const [first = '', second = ''] = cluster.endpoints;
    const etcd = owned(await connect({ endpoints: first, shards: 1 }));
    const tenants = await Tenants.of(etcd, 'respawn/');
    await etcd.reconfigure({ endpoints: second });
    const status = new StatusLog(etcd);
    for (const worker of runningWorkers()) await worker.terminate();
    await eventually(() => status.has('shard-replaced'));
    await tenants.expectNothingLost(owned(new RawEtcd(cluster.members[2]?.address ?? '')));
    expect(new Set(status.of('connected').map(({ endpoint }) => endpoint))).toEqual(new Set([second]));
  });
});

describe('certificates', () => {
  let certificates: TestCertificates;
  let server: EtcdProcess;
  let folder: string;
  let files: CertificatePair;
  let rotations = 0;

  /** New pairs for both sides; the server reads its own for each connection. */
  function rotate(): CertificatePair {
    certificates.issue('server');
    rotations += 1;
    return certificates.issue(`client${String(rotations)}`);
  }
  function install(pair: CertificatePair): void {
    for (const [from, to] of [
      [pair.certFile, files.certFile],
      [pair.keyFile, files.keyFile],
    ] as const) {
      copyFileSync(from, `${to}.new`);
      renameSync(`${to}.new`, to);
    }
  }

  beforeAll(async () => {
    certificates = TestCertificates.create();
    folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-rotate-'));
    files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    server = await EtcdProcess.start({
      tls: { ...certificates.issue('server'), clientCaFile: certificates.caFile },
      unixSocket: true,
    });
  });
  afterAll(async () => {
    await server.close();
    certificates.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(matrix)('rotated in files under load, clients required: $name', async ({ transport, shards, name }) => {
    install(rotate());
    const raw = owned(new RawEtcd(`unix:${server.socketPath}`));
    const prefix = `rotate ${name}/`;
    const tls = { caFile: certificates.caFile, ...files };
    const etcd = owned(await connect({ endpoints: server.endpoint, tls, transport, shards }));
    const status = new StatusLog(etcd);
    const tenants = await Tenants.of(etcd, prefix);
    let isOver = false;
    const load = (async () => {
      for (let index = 0; !isOver; index += 1) await etcd.kv.put(`${prefix}${String(index % 100)}`, String(index));
    })();
    for (let round = 1; round <= 2; round += 1) {
      install(rotate());
      await eventually(() => status.of('settings-changed').length === round);
      expect(status.of('settings-changed').at(-1)).toMatchObject({ source: 'tls-files', credentials: true });
      await eventually(() => status.of('left').filter(({ lane }) => lane === 'live').length >= round);
    }
    isOver = true;
    await load;
    await tenants.expectNothingLost(raw);
    expect((await etcd.stats()).shards.reduce((sum, { stats }) => sum + (stats?.resumes ?? 0), 0)).toBe(0);
  });

  it('that do not fit each other are not taken, until they do', async () => {
    install(rotate());
    const tls = { caFile: certificates.caFile, ...files };
    const etcd = owned(await connect({ endpoints: server.endpoint, tls, shards: 1 }));
    const status = new StatusLog(etcd);
    const next = rotate();
    writeFileSync(files.keyFile, 'half');
    await eventually(() => status.has('settings-refused'));
    await etcd.kv.put('still', '1');
    // What was wrong with the file is named, nothing that stands in it.
    const told = JSON.stringify(status.all);
    expect(told).not.toContain('half');
    for (const line of readFileSync(next.keyFile, 'utf8').split('\n').slice(1, -2)) expect(told).not.toContain(line);
    install(next);
    await eventually(() => status.has('settings-changed'));
    await etcd.kv.put('still', '2');
  });

  it('given as text are replaced by reconfigure', async () => {
    const ca = { caFile: certificates.caFile };
    const etcd = owned(
      await connect({
        endpoints: server.endpoint,
        tls: { ...ca, ...TestCertificates.text(rotate()) },
        shards: 1,
        connectTimeoutMs: 1_000,
      }),
    );
    await expect(etcd.reconfigure({ tls: null })).rejects.toMatchObject({ code: 'connect-failed' });
    await expect(
      etcd.reconfigure({ tls: { ...ca, cert: TestCertificates.text(rotate()).cert } }),
    ).rejects.toMatchObject({ code: 'invalid-argument' });
    const answer = await etcd.reconfigure({ tls: { ...ca, ...TestCertificates.text(rotate()) } });
    expect(answer).toMatchObject({ changed: true, answered: [server.endpoint] });
    await etcd.kv.put('text', '1');
  });
});
