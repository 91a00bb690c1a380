/** Several endpoints, certificates, unix sockets: where watches run, and where they go when a member dies. */
import { connect, type ConnectOptions } from 'etcd-vigil';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCertificates } from '../support/certificates.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { StatusLog } from './status-log.js';
import { WatchFleet } from './watch-fleet.js';

describe('a cluster of three', () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  });
  afterAll(async () => {
    await cluster.close();
  });

  it.each([
    { transport: 'http2', shards: 3 },
    { transport: 'grpc-js', shards: 3 },
  ] as const)(
    'shards spread over the members, and move on when one is killed: $transport',
    async ({ transport, shards }) => {
      // Lazy: nothing connects before the log listens.
      const etcd = await connect({ endpoints: cluster.endpoints, shards, transport, lazy: true });
      const status = new StatusLog(etcd);
      const victim = (await cluster.followers())[0];
      const writer = cluster.members.find((member) => member !== victim);
      if (victim === undefined || writer === undefined) throw new Error('a cluster of three has followers');
      const raw = new RawEtcd(writer.address);
      const prefix = `members-${transport}/`;
      try {
        const fleet = new WatchFleet(etcd);
        for (let index = 0; index < 300; index += 1) fleet.addKey(`${prefix}${String(index)}`);
        for (let index = 1; index < 10; index += 1)
          fleet.addPrefix(`${prefix}${String(index)}`, prefixEnd(`${prefix}${String(index)}`));
        await fleet.group.ready();
        const live = status.of('connected').filter(({ lane }) => lane === 'live');
        expect(new Set(live.map(({ endpoint }) => endpoint)).size).toBe(3);
        expect(new Set(live.map(({ shard }) => shard)).size).toBe(3);
        const load = putMany(writer.address, 3_000, { prefix, keys: 300, deleteEvery: 6 });
        await eventually(() => fleet.recorder.labels.length > 250);
        await victim.kill();
        await load;
        const last = await fleet.settle(raw);
        await fleet.verify(raw, last);
        expect(fleet.living.length).toBe(309);
        const moved = status
          .of('connected')
          .filter(({ lane }) => lane === 'live')
          .slice(live.length);
        expect(moved.length).toBeGreaterThan(0);
        expect(moved.map(({ endpoint }) => endpoint)).not.toContain(victim.endpoint);
      } finally {
        await etcd.close();
        raw.close();
        if (!victim.running) {
          victim.launch();
          await victim.waitReady();
        }
      }
    },
  );
});

describe('one server', () => {
  let certificates: TestCertificates;
  let server: EtcdProcess;
  let options: Record<string, () => Partial<ConnectOptions> & { readonly endpoints: string }>;

  beforeAll(async () => {
    certificates = TestCertificates.create();
    const client = certificates.issue('client');
    server = await EtcdProcess.start({
      tls: { ...certificates.issue('server'), clientCaFile: certificates.caFile },
      unixSocket: true,
    });
    options = {
      tls: () => ({ endpoints: server.endpoint, tls: { caFile: certificates.caFile, ...client } }),
      unix: () => ({ endpoints: `unix://${server.socketPath}` }),
    };
  });
  afterAll(async () => {
    await server.close();
    certificates.close();
  });

  it.each([
    { over: 'tls', transport: 'http2', shards: 2 },
    { over: 'tls', transport: 'grpc-js', shards: 1 },
    { over: 'tls', transport: 'http2', shards: 'inline' },
    { over: 'unix', transport: 'http2', shards: 1 },
    { over: 'unix', transport: 'grpc-js', shards: 'inline' },
  ] as const)(
    'over $over with $transport and shards $shards: resumes after a restart, exact',
    async ({ over, transport, shards }) => {
      const given = options[over]?.();
      if (given === undefined) throw new Error('a kind of endpoint without options');
      // The socket is plain text, so the independent reader can use it.
      const address = `unix:${server.socketPath}`;
      const raw = new RawEtcd(address);
      const etcd = await connect({ ...given, transport, shards });
      try {
        const prefix = `${over}-${transport}-${String(shards)}/`;
        const first = await raw.put(`${prefix}0`, 'first');
        const fleet = new WatchFleet(etcd);
        for (let index = 0; index < 50; index += 1) fleet.addKey(`${prefix}${String(index)}`);
        fleet.addPrefix(prefix, prefixEnd(prefix), { startRevision: first, prevKv: true });
        await fleet.group.ready();
        await putMany(address, 300, { prefix, keys: 50 });
        await server.restart();
        await eventually(async () => (await raw.revision()) > 0n);
        await putMany(address, 300, { prefix, keys: 50 });
        await fleet.verify(raw, await fleet.settle(raw));
        expect(fleet.living.length).toBe(51);
        expect((await etcd.kv.get(`${prefix}0`))?.createRevision).toBe(first);
      } finally {
        await etcd.close();
        raw.close();
      }
    },
  );

  it('refuses a client without a certificate, naming the endpoint and the cause', async () => {
    const failing = connect({
      endpoints: server.endpoint,
      tls: { caFile: certificates.caFile },
      connectTimeoutMs: 2_000,
      shards: 1,
    });
    await expect(failing).rejects.toMatchObject({ code: 'connect-failed' });
    await expect(failing).rejects.toThrow(server.address);
  });
});
