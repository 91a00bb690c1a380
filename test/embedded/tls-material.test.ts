import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { TestCertificates } from '../support/certificates.js';

describe.each(['http2', 'grpc-js'] as const)('TLS material of an engine over %s', (transport) => {
  let root: TestCertificates;
  let intermediate: TestCertificates;
  beforeAll(() => {
    root = TestCertificates.create();
    intermediate = root.intermediate();
  });
  afterAll(() => {
    root.close();
    intermediate.close();
  });

  it('may be an intermediate authority alone and an encrypted key, for kv, watches and leases, also when it is replaced', async () => {
    const clientCa = readFileSync(intermediate.caFile, 'utf8');
    const server = await EmbeddedEtcd.start({
      // The server sends what it was signed by, and asks clients for certificates of the same authority.
      tls: {
        ...TestCertificates.text(intermediate.issue('server')),
        clientCa: clientCa + readFileSync(root.caFile, 'utf8'),
      },
    });
    const client = intermediate.issue('client');
    const cert = readFileSync(client.certFile, 'utf8');
    const keyFile = join(root.folder, 'client.encrypted');
    writeFileSync(keyFile, root.encrypted(client, 'first'));
    const etcd = await connect({
      endpoints: server.endpoints,
      shards: 1,
      transport,
      tls: { caFile: intermediate.caFile, cert, keyFile, passphrase: 'first' },
    });
    try {
      const watcher = etcd.watch('k');
      await watcher.ready;
      const lease = await etcd.leases.grant({ ttlSeconds: 60 });
      await etcd.kv.put('k', 'v', { lease });
      expect((await watcher[Symbol.asyncIterator]().next()).done).toBe(false);
      const other = intermediate.issue('other');
      const { changed, answered } = await etcd.reconfigure({
        tls: {
          ca: clientCa,
          cert: readFileSync(other.certFile, 'utf8'),
          key: root.encrypted(other, 'second', ['-traditional']),
          passphrase: 'second',
        },
      });
      expect([changed, answered.length]).toEqual([true, 1]);
      expect((await etcd.kv.get('k'))?.value.string()).toBe('v');
    } finally {
      await etcd.close();
      await server.close();
    }
  });
});
