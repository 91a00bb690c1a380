/** Calls against members that are down, come back, hide behind TLS or a unix socket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../../src/main/unary/probe.js';
import { EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/poll.js';
import { freePorts } from '../support/ports.js';
import { failureOf, kvOf, type KvClient } from './kv-client.js';

describe('one etcd that goes away', () => {
  let etcd: EtcdProcess;
  let clients: KvClient[];
  beforeAll(async () => {
    etcd = await EtcdProcess.start({ unixSocket: true });
    clients = [];
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await etcd.close();
  });
  const open = (...args: Parameters<typeof kvOf>): KvClient => {
    const client = kvOf(...args);
    clients.push(client);
    return client;
  };

  it('a dead endpoint beside it fails no call', async () => {
    const [port = 0] = await freePorts(1);
    const { kv, unary } = open([`http://127.0.0.1:${String(port)}`, etcd.endpoint]);
    for (let at = 0; at < 20; at += 1) {
      await kv.put('failover', String(at));
    }
    expect((await kv.get('failover'))?.version).toBe(20n);
    const reports = await probe(unary, { timeoutMs: 5_000 });
    expect(reports).toMatchObject([{ kind: 'failed' }, { kind: 'answered', version: etcd.version }]);
  });

  it('a unix socket serves like a port', async () => {
    const { kv } = open(`unix://${etcd.socketPath}`);
    await kv.put('unix', '1');
    expect((await kv.get('unix'))?.value.string()).toBe('1');
  });

  it('nothing is opened before the first call', async () => {
    const [port = 0] = await freePorts(1);
    const client = kvOf(`http://127.0.0.1:${String(port)}`);
    client.close();
    expect(await failureOf(client.kv.get('a'))).toMatchObject({ code: 'closed', outcome: 'not-sent' });
  });

  it('a call made while it restarts is served when it is back, and a write only once', async () => {
    const { kv } = open(etcd.endpoint);
    await kv.put('restart', '0');
    await etcd.stop();
    // A write has an unknown outcome if it leaves before the end of the connection was read, or if its time is up in the
    // middle of its last attempt. The version at the end shows that none of them was applied.
    await eventually(async () => {
      const refused = await failureOf(kv.put('restart', 'lost', { timeoutMs: 300 }));
      expect(refused).toMatchObject({ code: 'unavailable', outcome: 'not-sent', retryable: true });
      return true;
    });
    const [write, read] = [kv.put('restart', '1', { timeoutMs: 30_000 }), kv.get('restart', { timeoutMs: 30_000 })];
    await etcd.restart();
    await write;
    expect(await read).not.toBeNull();
    const kept = await kv.get('restart');
    expect([kept?.value.string(), kept?.version]).toEqual(['1', 2n]);
  });
});
