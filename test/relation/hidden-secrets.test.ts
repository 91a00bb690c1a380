/** No private key and no password is printed where a value of the relation layer is logged; as data it is whole. Over both backends. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  EtcdClientRequires,
  EtcdRequires,
  JujuModel,
  readConnectionFile,
  readCredentialFiles,
  saveCredentialFiles,
  writeConnectionFile,
} from '../../src/main/relation/index.js';
import { TestCertificates } from '../support/certificates.js';
import { describeBackends } from './fake-tools/backend-kinds.js';

let certificates: TestCertificates;
let bundle: { readonly key: string; readonly cert: string; readonly ca: string };
beforeAll(() => {
  certificates = TestCertificates.create();
  bundle = { ...TestCertificates.text(certificates.issue('client')), ca: readFileSync(certificates.caFile, 'utf8') };
});
afterAll(() => certificates.close());

/** Shown at any depth, the way `console.log` does and more. */
function printed(value: unknown): string {
  return `${inspect(value)}\n${inspect({ in: { an: { object: value } } }, { depth: Infinity, showHidden: true })}`;
}

describeBackends((kind) => {
  it('what an endpoint of etcd offers is printed without the key, and holds it', async () => {
    const model = new JujuModel();
    for (const app of ['client', 'etcd']) model.deploy(app);
    const relation = model.relate('client:etcd', 'etcd:db');
    await model.settle();
    const { key, cert, ca } = bundle;
    const settings = { client_key: key, client_cert: cert, client_ca: ca };
    model.publish(relation, 'etcd/0', { connection_string: 'https://10.0.0.1:2379', ...settings });
    const read = kind.charm(async (backend) => {
      const etcd = await EtcdRequires.load(backend, 'etcd');
      const connection = etcd.connection();
      const path = join(certificates.folder, `${kind.name.replaceAll(' ', '-')}.json`);
      await writeConnectionFile(path, connection);
      const file = await readConnectionFile(path);
      const values = [connection, etcd.getClientCredentials(), etcd.relations(), etcd, file];
      for (const value of values) expect(printed(value)).not.toContain('PRIVATE KEY');
      expect(printed(connection)).toContain("key: '[hidden]'");
      expect(connection?.tls).toEqual({ key, cert, ca });
      expect(etcd.getClientCredentials()).toEqual(settings);
      expect(JSON.parse(JSON.stringify(connection))).toMatchObject({ tls: { key, cert, ca } });
      expect({ ...connection?.tls }).toEqual({ key, cert, ca });
      expect(structuredClone(connection)).toEqual(connection);
      expect(file).toMatchObject({ tls: { key, cert, ca } });
    });
    await model.run(read, 'client/0');
  });

  it('what a secret holds is printed without its values, and holds them', async () => {
    const model = new JujuModel();
    model.deploy('client');
    await model.settle();
    model.fire('client/0', 'update-status');
    await model.run(
      kind.charm(async (backend) => {
        const id = await backend.addSecret({ username: 'u', password: 'hunter2' }, { owner: 'unit' });
        const content = await backend.readSecret({ id });
        expect(printed(content)).not.toContain('hunter2');
        expect(inspect(content)).toContain("'password' => '[hidden]'");
        expect(Object.fromEntries(content)).toEqual({ username: 'u', password: 'hunter2' });
        expect(printed(backend)).not.toContain('hunter2');
      }),
      'client/0',
    );
  });

  it('an endpoint of etcd_client is printed without the certificate and its key', async () => {
    const model = new JujuModel();
    model.deploy('client');
    await model.settle();
    model.fire('client/0', 'update-status');
    await model.run(
      kind.charm(async (backend) => {
        const { cert, key } = bundle;
        const options = { name: 'etcd', prefix: '/a/', certificate: { cert, key } };
        expect(printed(await EtcdClientRequires.load(backend, options))).not.toContain('PRIVATE KEY');
      }),
      'client/0',
    );
  });
});

it('credentials that were read from files are printed without the key, and can be saved again as they are', async () => {
  const { folder } = certificates;
  const paths = { keyPath: join(folder, 'a.key'), certPath: join(folder, 'a.crt'), caPath: join(folder, 'a.ca') };
  await saveCredentialFiles(paths, bundle);
  const read = await readCredentialFiles(paths);
  expect(printed(read)).not.toContain('PRIVATE KEY');
  expect(read).toMatchObject(bundle);
  expect(await saveCredentialFiles(paths, read)).toMatchObject({ changed: false });
});
