/** The server is away for a while: stopped and started again, compacted meanwhile, or with its data wiped. */
import { connect, type Etcd, type ConnectOptions } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { putMany } from '../support/load-writer.js';
import { isProgressTrusted } from '../support/etcd-facts.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { WatchTruth } from '../support/watch-truth.js';
import { StatusLog } from './status-log.js';
import { WatchFleet } from './watch-fleet.js';
import { WorkerThreads } from './worker-threads.js';

const OUTAGE_MS = 5_000;

/** One engine on one etcd behind a proxy, all closed after the test. */
interface Bench {
  readonly server: EtcdProcess;
  readonly proxy: FaultProxy;
  readonly raw: RawEtcd;
  readonly etcd: Etcd;
  readonly status: StatusLog;
}

let open: Bench | undefined;

async function bench(options: Partial<ConnectOptions> = {}): Promise<Bench> {
  const server = await EtcdProcess.start();
  const proxy = await FaultProxy.start(server);
  const etcd = await connect({ endpoints: proxy.endpoint, shards: 1, ...options });
  open = { server, proxy, raw: new RawEtcd(server.address), etcd, status: new StatusLog(etcd) };
  return open;
}

describe('an etcd that is away for a while', () => {
  const workers = { current: undefined as WorkerThreads | undefined };
  beforeEach(() => {
    workers.current = new WorkerThreads();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${open?.server.logs(30) ?? ''}\n`);
    workers.current?.close();
    await open?.etcd.close();
    open?.raw.close();
    await open?.proxy.close();
    await open?.server.close();
    open = undefined;
  });

  it('stopped for 5 s under load: 2,000 watches resume and nothing is lost or doubled, with few attempts to connect', async () => {
    const { server, proxy, raw, etcd, status } = await bench({ shards: 2 });
    const fleet = new WatchFleet(etcd);
    for (let index = 0; index < 1_990; index += 1) fleet.addKey(`o/${String(index)}`);
    for (let index = 0; index < 10; index += 1) fleet.addPrefix(`o/${String(index)}`, prefixEnd(`o/${String(index)}`));
    await fleet.group.ready();
    // Ends by the stop: load runs until the server is gone.
    const before = putMany(server.address, 1_000_000, { prefix: 'o/', keys: 2_000 }).catch(() => undefined);
    await eventually(async () => (await raw.revision()) > 3_000n);
    await server.stop();
    await before;
    await eventually(() => proxy.counters.open === 0);
    const attempts = proxy.counters.accepted;
    const cpu = process.cpuUsage();
    await sleep(OUTAGE_MS);
    const used = process.cpuUsage(cpu);
    // Two shards with a lane or two each, whose pauses grow to a second.
    expect(proxy.counters.accepted - attempts).toBeLessThan(80);
    expect((used.user + used.system) / 1_000).toBeLessThan(2_000);
    server.launch();
    await server.waitReady();
    await putMany(server.address, 4_000, { prefix: 'o/', keys: 2_000, deleteEvery: 5 });
    const last = await fleet.settle(raw);
    await fleet.verify(raw, last);
    expect(fleet.living.length).toBe(2_000);
    expect(status.of('resuming').reduce((sum, { watches }) => sum + watches, 0)).toBeGreaterThanOrEqual(2_000);
    expect(new Set(status.of('resumed').map(({ shard }) => shard)).size).toBe(2);
  });

  it('compacted while disconnected: a watch that missed something ends typed with the compact revision, and only that one', async () => {
    const { proxy, raw, etcd, status } = await bench();
    const fleet = new WatchFleet(etcd);
    const missed = fleet.addPrefix('miss/', prefixEnd('miss/'));
    await fleet.group.ready();
    await raw.put('miss/a', '1');
    await eventually(() => fleet.recorder.count(missed.watchId) === 1);
    await proxy.refuse();
    proxy.cut();
    for (let index = 0; index < 20; index += 1) await raw.put('miss/a', String(index));
    const compactRevision = await raw.revision();
    const early = await raw.history(2n, compactRevision);
    await raw.compact(compactRevision);
    await proxy.restore();
    const end = await missed.ended;
    expect(end).toMatchObject({ reason: 'compacted', compactRevision, error: { code: 'compacted', compactRevision } });
    expect(end.lastRevision).toBe(fleet.recorder.lastRevision(missed.watchId));
    expect(fleet.watches.get(missed.watchId)?.ends.length).toBe(1);
    const again = fleet.addPrefix('miss/', prefixEnd('miss/'), { startRevision: compactRevision });
    await again.ready;
    const last = await fleet.settle(raw);
    await fleet.verify(raw, last, new WatchTruth([...early, ...(await raw.history(compactRevision + 1n, last))]));
    expect(status.has('resuming')).toBe(true);
  });

  it('compacted while disconnected: an idle watch that progress had kept young goes on', async () => {
    const { server, proxy, raw, etcd } = await bench();
    const trusted = isProgressTrusted(server.version);
    const fleet = new WatchFleet(etcd);
    const idle = Array.from({ length: 50 }, (_, index) => fleet.addKey(`idle/${String(index)}`));
    await fleet.group.ready();
    for (let index = 0; index < 50; index += 1) await raw.put('other', String(index));
    const young = await raw.revision();
    if (trusted) expect(await idle[0]?.progress({ timeoutMs: 60_000 })).toBeGreaterThanOrEqual(young);
    await proxy.refuse();
    proxy.cut();
    const early = await raw.history(2n, young);
    await raw.compact(young);
    await proxy.restore();
    if (trusted) {
      const last = await fleet.settle(raw);
      await fleet.verify(raw, last, new WatchTruth([...early, ...(await raw.history(young + 1n, last))]));
      expect(fleet.living.length).toBe(50);
    } else {
      // Old servers answer progress requests out of order: nothing is concluded from them, and history may be gone.
      for (const member of idle)
        expect(await member.ended).toMatchObject({ reason: 'compacted', compactRevision: young });
    }
  });

  it('data wiped between stop and start: every watch ends with reset, and a new one works', async () => {
    const { server, raw, etcd, status } = await bench({ shards: 2 });
    const fleet = new WatchFleet(etcd);
    for (let index = 0; index < 200; index += 1) fleet.addKey(`wipe/${String(index)}`);
    await fleet.group.ready();
    await putMany(server.address, 400, { prefix: 'wipe/', keys: 200 });
    await fleet.settle(raw);
    const members = fleet.living.map(({ member }) => member);
    await server.stop();
    server.wipe();
    server.launch();
    await server.waitReady();
    for (const member of members) {
      expect(await member.ended).toMatchObject({ reason: 'reset', error: { code: 'reset' } });
    }
    for (const { ends } of fleet.watches.values()) expect(ends.length).toBe(1);
    expect(status.has('store-reset')).toBe(true);
    const fresh = new WatchFleet(etcd);
    for (let index = 0; index < 20; index += 1) fresh.addKey(`wipe/${String(index)}`);
    await fresh.group.ready();
    await fresh.verify(raw, await fresh.settle(raw));
  });

  it('wiped, and the new store has grown beyond the old one: its lower raft term tells', async () => {
    const { server, proxy, raw, etcd } = await bench();
    // Each start of a server begins a term.
    await server.restart();
    const fleet = new WatchFleet(etcd);
    const members = Array.from({ length: 20 }, (_, index) => fleet.addKey(`grow/${String(index)}`));
    await fleet.group.ready();
    await putMany(server.address, 100, { prefix: 'grow/', keys: 20 });
    await fleet.settle(raw);
    await proxy.refuse();
    await server.stop();
    server.wipe();
    server.launch();
    await server.waitReady();
    await putMany(server.address, 500, { prefix: 'grow/', keys: 20 });
    await proxy.restore();
    for (const member of members) expect((await member.ended).reason).toBe('reset');
  });

  it('wiped while the worker dies, too: what was known of the store outlives the worker', async () => {
    const { server, raw, etcd, status } = await bench();
    const fleet = new WatchFleet(etcd);
    const members = Array.from({ length: 20 }, (_, index) => fleet.addKey(`both/${String(index)}`));
    await fleet.group.ready();
    await putMany(server.address, 100, { prefix: 'both/', keys: 20 });
    await fleet.settle(raw);
    await server.stop();
    server.wipe();
    await workers.current?.kill();
    await eventually(() => status.has('shard-replaced'));
    server.launch();
    await server.waitReady();
    for (const member of members) expect((await member.ended).reason).toBe('reset');
  });
});

describe('a member of a cluster that merely lags', () => {
  it('is waited for: no watch is reset, nothing is lost or doubled', async () => {
    const cluster = await EtcdCluster.start();
    // Not the leader: without it writes would have to wait for the next one.
    const first = await cluster.leader();
    const [second] = await cluster.followers();
    if (second === undefined) throw new Error('a cluster of three has followers');
    const proxy = await FaultProxy.start(first);
    const raw = new RawEtcd(first.address);
    const etcd = await connect({ endpoints: proxy.endpoint, shards: 1 });
    try {
      const fleet = new WatchFleet(etcd);
      for (let index = 0; index < 100; index += 1) fleet.addKey(`lag/${String(index)}`);
      await fleet.group.ready();
      await second.kill();
      await putMany(first.address, 3_000, { prefix: 'lag/', keys: 100 });
      await fleet.settle(raw);
      second.launch();
      proxy.retarget(second);
      proxy.cut();
      await putMany(first.address, 200, { prefix: 'lag/', keys: 100 });
      await second.waitReady();
      await fleet.verify(raw, await fleet.settle(raw));
      expect(fleet.living.length).toBe(100);
    } finally {
      await etcd.close();
      raw.close();
      await proxy.close();
      await cluster.close();
    }
  });
});
