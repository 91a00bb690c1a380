/** Both sides of etcd_client and what is secret: certificates, keys, files, and what is denied, broken or sent from another model. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { EtcdClientRequires } from '../../src/main/relation/etcd-client/etcd-client-requires.js';
import { codeOf, describeEtcdClient, material, RELATION, RELATION_ID } from './etcd-client-bench.js';
import { ENDPOINT } from './etcd-client-world.js';

describeEtcdClient(({ make, settled, requirer, provider }) => {
  it('a secret that is denied or gone is waited for on either side', async () => {
    const world = await settled();
    const { 'secret-user': user = '', 'secret-tls': tls = '' } = world.bag(RELATION, 'etcd');
    await world.inHook('etcd/0', async (backend) => {
      await backend.revokeSecret(user, RELATION_ID);
      await backend.removeSecret(tls);
    });
    await requirer(world, 'app/0', async (endpoint) => {
      expect(endpoint.connection()).toBeUndefined();
      expect(endpoint.waiting).toBe("the secret 'user' of 'etcd' is denied");
      expect(await codeOf(endpoint.saveClientCredentials({ keyPath: 'k', certPath: 'c', caPath: 'a' }))).toBe(
        'relation-not-ready',
      );
    });
    world.access = undefined;
    await world.inHook('app/0', async (backend) => {
      await backend.revokeSecret(world.bag(RELATION, 'app')['secret-mtls'] ?? '', RELATION_ID);
    });
    await world.prepare();
    world.takeEvents('provided');
    await provider(world, async (endpoint) => {
      expect(endpoint.requests).toMatchObject([
        { certificate: undefined, waiting: "the secret with the client's certificate is denied" },
      ]);
      // It is not withdrawn: its user stays.
      expect(endpoint.events).toEqual([]);
      expect(endpoint.flags.has(`${ENDPOINT}.requested`)).toBe(false);
    });
  });

  it('junk for a certificate is not answered; CRLF is taken', async () => {
    const world = make();
    world.silent.add('app');
    await world.prepare();
    world.relate();
    await world.prepare();
    await world.inHook('app/0', async (backend) => {
      const id = await backend.addSecret({ 'mtls-cert': 'CERT-A' });
      await backend.grantSecret(id, RELATION_ID);
      await backend.writeDatabag(RELATION_ID, 'app', { prefix: '/app/', 'secret-mtls': id });
    });
    await world.prepare();
    await provider(world, async (endpoint) => {
      expect(endpoint.requests).toMatchObject([
        { commonName: undefined, waiting: "the client's credentials: cert holds no PEM block" },
      ]);
    });
    expect(world.bag(RELATION, 'etcd')).toEqual({});
    await world.inHook('app/0', (backend) =>
      backend.writeSecret(world.bag(RELATION, 'app')['secret-mtls'] ?? '', {
        'mtls-cert': material.certA.cert.replaceAll('\n', '\r\n'),
      }),
    );
    await world.prepare();
    await provider(world, async (endpoint) => {
      expect(endpoint.requests).toMatchObject([{ certificate: material.certA.cert, commonName: 'cn' }]);
    });
  });

  it('from another model the certificate comes encrypted, with a key that the provider offers', async () => {
    const world = make();
    world.silent.add('app').add('etcd');
    await world.prepare();
    world.relate();
    await world.prepare();
    const asRequirer = (): Promise<void> =>
      world.inHook('app/0', (backend) => world.requirerCharm(fromAnotherModel(backend)));
    const asProvider = (): Promise<void> =>
      world.inHook('etcd/0', (backend) => world.providerCharm(fromAnotherModel(backend)));
    const answered = { endpoints: '10.0.0.1:2379' };
    await world.inHook('app/0', (backend) => backend.writeDatabag(RELATION_ID, 'app', { prefix: '/app/' }));
    await asProvider();
    expect(Object.keys(world.bag(RELATION, 'etcd'))).toEqual(['encryption-secret']);
    await asRequirer();
    const bag = world.bag(RELATION, 'app');
    expect(bag).toMatchObject({
      prefix: '/app/',
      'encryption-secret': world.bag(RELATION, 'etcd')['encryption-secret'],
    });
    expect(bag['secret-mtls']).toBeUndefined();
    expect(bag['mtls-cert']).not.toContain('BEGIN');
    // Each token is different, but the same certificate is not sent again.
    await asRequirer();
    expect(world.bag(RELATION, 'app')).toEqual(bag);
    await asProvider();
    expect(world.bag(RELATION, 'etcd')).toMatchObject(answered);
    world.takeEvents('provided');
    world.requires = { ...world.requires, certificate: material.certB };
    await asRequirer();
    await asProvider();
    expect(world.takeEvents('provided')).toEqual(['certificateChanged']);
    await asRequirer();
    expect(world.seen.connection()?.username).toBe('cn');
  });

  it('saves what it was given and what the provider sent as files', async () => {
    const world = await settled();
    const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-client-'));
    const paths = { keyPath: join(folder, 'k'), certPath: join(folder, 'c'), caPath: join(folder, 'a') };
    try {
      await requirer(world, 'app/0', async (endpoint) => {
        expect((await endpoint.saveClientCredentials(paths)).changed).toBe(true);
        expect((await endpoint.saveClientCredentials(paths)).changed).toBe(false);
      });
      expect(readFileSync(paths.keyPath, 'utf8')).toBe(material.certA.key);
      expect(readFileSync(paths.caPath, 'utf8')).toBe(material.ca);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a certificate that no provider takes, and half of one, are refused at once', async () => {
    const world = await settled();
    const { certA, certB, ca } = material;
    await requirer(world, 'app/0', async (endpoint, backend) => {
      for (const certificate of [
        { cert: certA.cert, key: certB.key },
        { cert: certA.cert, key: '' },
        { cert: '', key: certA.key },
        { cert: ca + certA.cert, key: certA.key },
        { cert: 'junk', key: 'junk' },
      ]) {
        expect(await codeOf(Promise.resolve().then(() => endpoint.setClientCertificate(certificate)))).toBe(
          'invalid-credentials',
        );
        expect(await codeOf(EtcdClientRequires.load(backend, { ...world.requires, certificate }))).toBe(
          'invalid-credentials',
        );
      }
      expect(endpoint.connection()?.tls).toMatchObject(certA);
      const heard: unknown[] = [];
      const stop = endpoint.onConnection((connection) => heard.push(connection?.tls?.key));
      endpoint.setClientCertificate(certB);
      stop();
      endpoint.setClientCertificate(certA);
      expect(heard).toEqual([certB.key]);
    });
    await provider(world, async (endpoint) => {
      const access = { endpoints: ['h:1'], version: '1', ca };
      for (const [wrong, code] of [
        [{ ...access, endpoints: [] }, 'invalid-argument'],
        [{ ...access, endpoints: ['h:1', 'no host:2'] }, 'invalid-argument'],
        [{ ...access, version: '' }, 'invalid-argument'],
        [{ ...access, ca: 'junk' }, 'invalid-credentials'],
        [{ ...access, username: '' }, 'invalid-argument'],
      ] as const) {
        expect(await codeOf(endpoint.answer(wrong))).toBe(code);
      }
    });
    expect(world.bag(RELATION, 'etcd')['version']).toBe('3.6.4');
  });
});

/** The same hook, of a relation whose other side lives in another model. */
function fromAnotherModel(backend: JujuBackend): JujuBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === 'relationModel') return () => Promise.resolve('0f0e0d0c-0000-4000-8000-000000000000');
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
