import { describe, expect, it } from 'vitest';
import { TestCertificates } from '../support/certificates.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { Etcdctl } from '../support/etcdctl.js';
import { LoadWriter, putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';
import { WatchTruth } from '../support/watch-truth.js';

describe('clients of the tests', () => {
  const etcd = suiteEtcd();

  it('etcdctl writes, reads and deletes, with exact 64-bit numbers', async () => {
    const ctl = new Etcdctl(etcd());
    const leaseId = await ctl.grantLease(100);
    const revision = await ctl.put('-ctl/1', 'value', leaseId);
    expect(await ctl.get('-ctl/', '--prefix')).toEqual([
      { key: '-ctl/1', value: 'value', createRevision: revision, modRevision: revision, version: 1n, leaseId },
    ]);
    expect(await ctl.leases()).toContain(leaseId);
    expect(await ctl.timeToLive(leaseId)).toMatchObject({ grantedSeconds: 100n, keys: ['-ctl/1'] });
    expect(await ctl.txn('put ctl/a 1', 'put ctl/b 2')).toBe(revision + 1n);
    expect(await ctl.del('ctl/', '--prefix')).toBe(2);
    await ctl.revokeLease(leaseId);
    expect(await ctl.timeToLive(leaseId)).toMatchObject({ ttlSeconds: -1n });
    await ctl.compact(revision);
    await expect(ctl.get('x', '--rev=1')).rejects.toThrow('compacted');
  });

  it('the raw client and etcdctl see the same store', async () => {
    const raw = new RawEtcd(etcd().address);
    const ctl = new Etcdctl(etcd());
    const { leaseId } = await raw.grant(60, -5n);
    expect(leaseId).toBe(-5n);
    const revision = await raw.put('raw/1', 'one', leaseId);
    expect((await ctl.get('raw/1'))[0]).toMatchObject({ value: 'one', modRevision: revision, leaseId });
    await raw.revoke(leaseId);
    expect(await raw.timeToLive(leaseId)).toBe(-1n);
    expect((await raw.range('raw/', prefixEnd('raw/'))).kvs).toEqual([]);
    raw.close();
  });

  it('a load from another process is seen by a raw watch exactly as the history tells it', async () => {
    const raw = new RawEtcd(etcd().address);
    const startRevision = (await raw.revision()) + 1n;
    const range = { key: 'load/', rangeEnd: prefixEnd('load/') };
    const stream = raw.watch();
    stream.create({ ...range, startRevision });
    const { address } = etcd();
    const writer = LoadWriter.start({
      address,
      writes: 400,
      keys: 50,
      keysPerRevision: 3,
      deleteEvery: 10,
      valueBytes: 500,
    });
    const { lastRevision: last } = await putMany(address, 200, { prefix: 'load/local/', concurrency: 8 });
    const report = await writer.report;
    expect(report.writes).toBe(400);
    const end = await raw.put('load/end', '');
    expect(end).toBeGreaterThan(last);
    const recorder = new WatchRecorder();
    for await (const response of stream) {
      if (response.events.length > 0) recorder.add('load', response.events);
      if (recorder.lastRevision('load') >= end) break;
    }
    const truth = new WatchTruth(await raw.history(startRevision, end));
    expect(recorder.count('load')).toBeGreaterThan(1_000);
    recorder.verify('load', { truth, range, startRevision });
    raw.close();
  });

  it('a load writer that cannot write says so', async () => {
    await expect(LoadWriter.start({ address: '127.0.0.1:1', writes: 1 }).report).rejects.toThrow('UNAVAILABLE');
  });
});

describe('etcd with TLS and authentication', () => {
  it('asks for a client certificate, and for a user once authentication is on', async () => {
    const certificates = TestCertificates.create();
    const pair = certificates.issue('client');
    const tls = { ...certificates.issue('server'), clientCaFile: certificates.caFile };
    const etcd = await EtcdProcess.start({ tls });
    try {
      const { caFile } = certificates;
      await expect(new Etcdctl(etcd, { caFile }).run(['--command-timeout=1s', 'get', 'x'])).rejects.toThrow();
      const anyone = new Etcdctl(etcd, { caFile, ...pair });
      await anyone.put('app/1', 'one');
      await anyone.enableAuth('secret', [
        { name: 'reader', password: 'pw', grants: [{ permission: 'read', prefix: 'app/' }] },
      ]);
      const reader = anyone.as('reader:pw');
      expect((await reader.get('app/1'))[0]?.value).toBe('one');
      await expect(reader.put('app/1', 'two')).rejects.toThrow('permission denied');
      expect(await anyone.as('root:secret').put('app/1', 'three')).toBeGreaterThan(0n);
    } finally {
      await etcd.close();
      certificates.close();
    }
  });
});

describe('a cluster of three', () => {
  it('has one leader, elects another when that is killed, and takes the old one back', async () => {
    const cluster = await EtcdCluster.start();
    try {
      const first = await cluster.leader();
      expect(await cluster.followers()).toHaveLength(2);
      await first.kill();
      const second = await cluster.leader();
      expect(second).not.toBe(first);
      const revision = await new Etcdctl(second).put('k', 'v');
      await first.restart();
      await eventually(async () => (await new Etcdctl(first).status()).revision === revision);
      expect(await cluster.followers()).toContain(first);
    } finally {
      await cluster.close();
    }
  });
});
