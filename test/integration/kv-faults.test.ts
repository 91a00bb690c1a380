/** Calls through a proxy that cuts, swallows and holds; a cluster whose leader dies; TLS. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { compare } from '../../src/main/kv/compare.js';
import { put } from '../../src/main/kv/operation.js';
import { probe } from '../../src/main/unary/probe.js';
import { EtcdError } from '../../src/wire/errors.js';
import { TestCertificates } from '../support/certificates.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { failureOf, kvOf, type KvClient } from './kv-client.js';

const clients: KvClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
const open = (...args: Parameters<typeof kvOf>): KvClient => {
  const client = kvOf(...args);
  clients.push(client);
  return client;
};

describe('a network that breaks', () => {
  const etcd = suiteEtcd();
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await FaultProxy.start(etcd());
  });
  afterEach(() => proxy.close());

  it('a write whose answer was cut off is applied once and reported unknown (W8)', async () => {
    const { kv } = open(proxy.endpoint);
    for (let at = 0; at < 20; at += 1) {
      const key = `cut/${String(at)}`;
      await kv.get('connected');
      const cut = proxy.cutBefore(() => true);
      expect(await failureOf(kv.put(key, 'v'))).toMatchObject({
        code: 'unavailable',
        outcome: 'unknown',
        retryable: false,
      });
      await cut;
      expect((await kv.get(key))?.version).toBe(1n);
    }
  });

  it('a create-if-absent whose answer was cut off is not repeated into "exists already" (W8)', async () => {
    const { kv } = open(proxy.endpoint);
    await kv.get('warm');
    const cut = proxy.cutBefore(() => true);
    const error = await failureOf(kv.txn().if(compare('once').version.equals(0n)).then(put('once', 'mine')).commit());
    await cut;
    expect(error).toMatchObject({ code: 'unavailable', outcome: 'unknown', retryable: false });
    expect((await kv.get('once'))?.version).toBe(1n);
  });

  it('a read whose answer was cut off is repeated', async () => {
    const { kv } = open(proxy.endpoint);
    await kv.put('read', 'v');
    const cut = proxy.cutBefore(() => true);
    expect((await kv.get('read'))?.value.string()).toBe('v');
    await cut;
  });

  it('a connection that swallows bytes costs one time-out while another member is up', async () => {
    const { kv } = open([proxy.endpoint, etcd().endpoint]);
    for (let at = 0; at < 4; at += 1) await kv.get('warm');
    proxy.swallow();
    let timeouts = 0;
    for (let at = 0; at < 6; at += 1) {
      // Long enough for the member that is up on any machine, and less than after which a read leaves a silent one.
      await kv.get('swallowed', { timeoutMs: 1_300 }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'timeout' });
        timeouts += 1;
      });
    }
    expect(timeouts).toBeLessThanOrEqual(1);
  });

  it('a connection that went silent is given up, so that calls work again when the network does', async () => {
    const { kv } = open(proxy.endpoint);
    await kv.get('warm');
    proxy.swallow();
    for (let call = 0; call < 3; call += 1) {
      expect(await failureOf(kv.get('swallowed', { timeoutMs: 400 }))).toMatchObject({ retryable: true });
    }
    await proxy.restore(); // for new connections; the old one has lost bytes
    // A write that still takes the old one ends with an unknown outcome; soon none does.
    await eventually(() =>
      kv.put('after', '1', { timeoutMs: 10_000 }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('a held network ends calls at their limit, and later calls work', async () => {
    const { kv } = open(proxy.endpoint);
    await kv.get('warm');
    proxy.hold();
    expect(await failureOf(kv.put('held', '1', { timeoutMs: 200 }))).toMatchObject({
      code: 'timeout',
      outcome: 'unknown',
    });
    await proxy.restore();
    expect((await kv.put('held', '2')).header.revision).toBeGreaterThan(0n);
  });
});

describe('a cluster of three', () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  });
  afterAll(() => cluster.close());

  it('loses its leader: what was acknowledged is there, what was refused is not, and nothing is applied twice', async () => {
    const { kv, unary } = open(cluster.endpoints);
    const reports = await probe(unary, { timeoutMs: 10_000 });
    expect(new Set(reports.map((report) => (report.kind === 'answered' ? report.clusterId : report.error))).size).toBe(
      1,
    );
    const leader = await cluster.leader();
    const outcomes = new Map<string, string>();
    const stop = new AbortController();
    const writer = async (name: string): Promise<void> => {
      for (let at = 0; !stop.signal.aborted; at += 1) {
        const key = `w/${name}/${String(at)}`;
        const outcome = await kv.put(key, key, { timeoutMs: 10_000, signal: stop.signal }).then(
          () => 'applied',
          (error: unknown) => (error instanceof EtcdError ? String(error.outcome) : 'not an EtcdError'),
        );
        outcomes.set(key, outcome);
      }
    };
    const writers = ['a', 'b', 'c', 'd'].map(writer);
    const written = (count: number): Promise<true> =>
      eventually(() => (outcomes.size >= count ? true : undefined), {
        timeoutMs: 30_000,
        what: `${String(count)} writes`,
      });
    try {
      await kv.put('before', '1');
      await written(50);
      await leader.kill();
      // A write that is served after the kill shows that there is a new leader.
      await eventually(async () => (await kv.put('after', '1', { timeoutMs: 20_000 })) !== undefined);
      await written(outcomes.size + 50);
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
    const versions = new Map(
      (await kv.range({ prefix: 'w/' })).kvs.map((found) => [found.key.string(), found.version]),
    );
    for (const [key, outcome] of outcomes) {
      const expected = outcome === 'applied' ? [1n] : outcome === 'unknown' ? [1n, undefined] : [undefined];
      expect(expected, `${key} was ${outcome}`).toContain(versions.get(key));
    }
    expect(Array.from(outcomes.values()).filter((outcome) => outcome === 'applied').length).toBeGreaterThan(50);
    // Waiting out an election needs no help from the caller: a read in it is served, too.
    expect(await kv.get('before', { timeoutMs: 20_000 })).not.toBeNull();
  });
});

describe('TLS', () => {
  let certificates: TestCertificates;
  let etcd: EtcdProcess;
  let ca: string;
  beforeAll(async () => {
    certificates = TestCertificates.create();
    const server = certificates.issue('server');
    ca = readFileSync(certificates.caFile, 'utf8');
    etcd = await EtcdProcess.start({ tls: { ...server, clientCaFile: certificates.caFile } });
  });
  afterAll(async () => {
    await etcd.close();
    certificates.close();
  });

  it('with CA and client certificate serves, by address and by another name', async () => {
    const pair = TestCertificates.text(certificates.issue('client'));
    const { kv } = open(etcd.endpoint, { tls: { ca, ...pair } });
    await kv.put('tls', '1');
    const named = open(etcd.endpoint, { tls: { ca, ...pair, serverName: 'localhost' } }).kv;
    expect((await named.get('tls'))?.value.string()).toBe('1');
    const unverified = open(etcd.endpoint, { tls: { ...pair, insecureSkipVerify: true } }).kv;
    expect((await unverified.get('tls'))?.value.string()).toBe('1');
  });

  it('without what it needs fails naming the cause, and sends nothing', async () => {
    const pair = TestCertificates.text(certificates.issue('client'));
    const write = (client: KvClient): Promise<EtcdError> => failureOf(client.kv.put('no', '1', { timeoutMs: 1_500 }));
    const distrusted = await write(open(etcd.endpoint, { tls: pair }));
    expect(distrusted).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
    expect(distrusted.message).toMatch(/certificate/iu);
    const misnamed = await write(open(etcd.endpoint, { tls: { ca, ...pair, serverName: 'elsewhere.example' } }));
    expect(misnamed.message).toMatch(/elsewhere\.example|altnames/iu);
    const other = await EtcdProcess.start({ tls: certificates.issue('other', 'DNS:other.example,IP:127.0.0.2') });
    const misaddressed = await write(open(other.endpoint, { tls: { ca } }));
    await other.close();
    expect(misaddressed).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
    expect(misaddressed.message).toMatch(/127\.0\.0\.1/u);
    const anonymous = await write(open(etcd.endpoint, { tls: { ca } }));
    expect(anonymous.outcome).not.toBe('refused');
    const plain = await write(open(etcd.endpoint.replace('https', 'http')));
    expect(plain).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
    const { kv } = open(etcd.endpoint, { tls: { ca, ...pair } });
    expect(await kv.get('no')).toBeNull();
  });

  it('material that is no PEM is refused without being repeated', async () => {
    const { kv } = open(etcd.endpoint, { tls: { ca, cert: 'c3ecret', key: 'k3ecret' } });
    const error = await failureOf(kv.get('a'));
    expect(error).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    expect(`${error.message} ${String(error.cause)}`).not.toMatch(/3ecret/u);
  });
});
