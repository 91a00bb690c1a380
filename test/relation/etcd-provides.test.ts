/** The providing side of `etcd`, and both sides together: one suite over both backends. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdProvides, EtcdRequires, JujuModel, type Charm } from '../../src/main/relation/index.js';
import { TestCertificates } from '../support/certificates.js';
import { describeBackends } from './fake-tools/backend-kinds.js';
import { operatorConsumer, reactiveConsumer } from './python-consumer.js';
import { recording } from './recorded-hooks.js';

interface Material {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

let certificates: TestCertificates;
let material: Material;
let otherKey: string;
let folder: string;

beforeAll(() => {
  certificates = TestCertificates.create();
  material = { ...TestCertificates.text(certificates.issue('client')), ca: readFileSync(certificates.caFile, 'utf8') };
  otherKey = TestCertificates.text(certificates.issue('other')).key;
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-relation-'));
});
afterAll(() => {
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

describeBackends((kind) => {
  /** Runs one hook of a provider's unit with its endpoint. */
  const provide = async (
    model: JujuModel,
    unit: string,
    act: (db: EtcdProvides) => Promise<unknown>,
    hook?: string,
  ): Promise<EtcdProvides> => {
    if (hook === undefined) model.fire(unit, 'update-status');
    let db: EtcdProvides | undefined;
    while (db === undefined) {
      const next = model.pending.find((event) => event.unit === unit);
      if (next === undefined) throw new Error(`${unit} has no hook ${hook ?? ''}`);
      const charm: Charm = async (backend) => {
        db = await EtcdProvides.load(backend, 'db');
        await act(db);
        await db.commit();
      };
      await model.run(next.hook === (hook ?? 'update-status') ? kind.charm(charm) : async () => {}, unit);
    }
    return db;
  };

  const related = (clients = 1, etcds = 1): { model: JujuModel; relation: number } => {
    const model = new JujuModel({ publishAddresses: false });
    model.deploy('client', { units: clients });
    model.deploy('etcd', { units: etcds });
    return { model, relation: model.relate('client:etcd', 'etcd:db') };
  };

  it('is connected while a client unit is there, and not for ever', async () => {
    const { model, relation } = related(2);
    const events: string[] = [];
    const flags = async (hook?: string): Promise<readonly string[]> => [
      ...(await provide(model, 'etcd/0', async (db) => events.push(...db.events.map(({ type }) => type)), hook)).flags,
    ];
    expect(await flags('db-relation-created')).toEqual([]);
    expect(await flags('db-relation-joined')).toEqual(['db.connected']);
    expect(await flags()).toEqual(['db.connected']);
    model.removeUnit('client/0');
    expect(await flags('db-relation-departed')).toEqual(['db.connected']);
    model.removeUnit('client/1');
    expect(await flags('db-relation-departed')).toEqual([]);
    expect(await flags()).toEqual([]);
    model.removeRelation(relation);
    await flags('db-relation-broken');
    expect(events).toEqual(['connected', 'disconnected']);
  });

  it('publishes in one write, and writes nothing when nothing would change', async () => {
    const { model, relation } = related();
    await model.settle();
    await provide(model, 'etcd/0', async (db) => {
      expect(await db.setConnectionString('https://10.0.0.1:2379', '3.5.18')).toEqual({ changed: ['db:0'] });
      expect(await db.setConnectionString('https://10.0.0.1:2379', '3.5.18')).toEqual({ changed: [] });
    });
    expect(model.bag(relation, 'etcd/0')).toEqual(
      new Map([
        ['connection_string', 'https://10.0.0.1:2379'],
        ['version', '3.5.18'],
      ]),
    );
    expect(await model.settle()).toEqual(['client/0 etcd-relation-changed']);
    await provide(model, 'etcd/0', (db) => db.setConnectionString('https://10.0.0.1:2379'));
    expect(model.bag(relation, 'etcd/0').has('version')).toBe(false);
  });

  it('sorts a list of endpoints as strings, joins them without spaces, and knows IPv6', async () => {
    const { model, relation } = related();
    await model.settle();
    await provide(model, 'etcd/0', (db) =>
      db.setConnectionString(
        ['https://10.0.0.9:2379', ' https://[2001:db8::1]:2379', 'https://10.0.0.10:2379'],
        '3.5.18',
      ),
    );
    expect(model.bag(relation, 'etcd/0').get('connection_string')).toBe(
      'https://10.0.0.10:2379,https://10.0.0.9:2379,https://[2001:db8::1]:2379',
    );
  });

  it('publishes before a client unit has joined, to every relation, and takes everything back', async () => {
    const model = new JujuModel({ publishAddresses: false });
    for (const app of ['client', 'second', 'etcd']) model.deploy(app);
    await model.settle();
    const relations = [model.relate('client:etcd', 'etcd:db'), model.relate('second:etcd', 'etcd:db')];
    await provide(model, 'etcd/0', (db) => db.setConnectionString('https://a:2379', '3.5.18'), 'db-relation-created');
    expect(model.bag(relations[0] ?? -1, 'etcd/0').size).toBe(2);
    await model.settle();
    await provide(model, 'etcd/0', async (db) => {
      expect(await db.setClientCredentials(material)).toEqual({ changed: ['db:0', 'db:1'] });
    });
    expect(model.bag(relations[1] ?? -1, 'etcd/0').get('client_key')).toBe(material.key);
    await provide(model, 'etcd/0', (db) => db.retract());
    for (const relation of relations) expect(model.bag(relation, 'etcd/0').size).toBe(0);
  });

  it('publishes nothing when it is itself the unit that departs', async () => {
    const { model, relation } = related(1, 2);
    await model.settle();
    model.removeUnit('etcd/1');
    await provide(
      model,
      'etcd/1',
      async (db) => expect(await db.setConnectionString('https://a:2379')).toEqual({ changed: [] }),
      'db-relation-departed',
    );
    expect(model.bag(relation, 'etcd/1').size).toBe(0);
  });

  it('refuses half a bundle, junk and a key of another certificate, and writes nothing', async () => {
    const { model, relation } = related();
    await model.settle();
    const { key, cert, ca } = material;
    await provide(model, 'etcd/0', async (db) => {
      for (const bundle of [
        { key, cert, ca: '' },
        { key: '', cert, ca },
        { key, cert: 'junk', ca },
        { key: otherKey, cert, ca },
        { key: key.slice(0, 100), cert, ca },
      ]) {
        await expect(db.setClientCredentials(bundle)).rejects.toMatchObject({ code: 'invalid-credentials' });
      }
      for (const endpoints of ['https://a', 'ftp://a:1', 'https://user:hunter2@a:1'])
        await expect(db.setConnectionString(endpoints)).rejects.toMatchObject({ code: 'invalid-argument' });
    });
    expect(model.bag(relation, 'etcd/0').size).toBe(0);
  });

  it('makes LF of CRLF', async () => {
    const { model, relation } = related();
    await model.settle();
    const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
    await provide(model, 'etcd/0', (db) =>
      db.setClientCredentials(crlf(material.key), crlf(material.cert), crlf(material.ca)),
    );
    expect(Object.fromEntries(model.bag(relation, 'etcd/0'))).toEqual({
      ...{ client_key: material.key, client_cert: material.cert, client_ca: material.ca },
    });
  });

  it('writes what the recorded provider wrote, and what every Python consumer needs', async () => {
    const { model, relation } = related(1, 2);
    await model.settle();
    for (const unit of ['etcd/0', 'etcd/1']) {
      await provide(model, unit, async (db) => {
        await db.setConnectionString('https://10.0.0.1:2379', '3.5.18');
        await db.setClientCredentials(material.key, material.cert, material.ca);
      });
    }
    // The recording has C, K and A for the texts.
    const recorded = recording('reactive-t3')[0]?.databagsAfter['3']?.['etcdp/0'] ?? {};
    const texts: Record<string, string> = { C: material.cert, K: material.key, A: material.ca };
    const expected = Object.fromEntries(Object.entries(recorded).map(([key, text]) => [key, texts[text] ?? text]));
    expect(Object.keys(recorded)).toHaveLength(5);
    const units = ['etcd/0', 'etcd/1'].map((unit) => [unit, model.bag(relation, unit)] as const);
    for (const [, bag] of units) expect(Object.fromEntries(bag)).toEqual(expected);
    const view = reactiveConsumer(units);
    expect(view).toEqual({
      flags: ['etcd.connected', 'etcd.available', 'etcd.tls.available'],
      ...{ connectionString: 'https://10.0.0.1:2379', version: '3.5.18' },
      credentials: { client_cert: material.cert, client_key: material.key, client_ca: material.ca },
    });
    for (const chosen of [0, 1]) expect(operatorConsumer(units, chosen)).toEqual(view);
  });

  it('gives a requiring charm what it saves as files, and follows a rotation', async () => {
    const { model } = related();
    await model.settle();
    const paths = {
      ...{ keyPath: join(folder, kind.name, 'client.key'), certPath: join(folder, kind.name, 'client.crt') },
      caPath: join(folder, kind.name, 'ca.crt'),
    };
    const save = async (): Promise<boolean | string> => {
      model.fire('client/0', 'update-status');
      let outcome: boolean | string = 'no hook ran';
      const charm: Charm = async (backend) => {
        const etcd = await EtcdRequires.load(backend, 'etcd');
        try {
          const saved = await etcd.saveClientCredentials(paths.keyPath, paths.certPath, paths.caPath);
          outcome = outcome === true || saved.changed;
          expect(await etcd.saveClientCredentials(paths)).toMatchObject({ changed: false });
        } catch (error) {
          outcome = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
        }
      };
      while (model.pending.some(({ unit }) => unit === 'client/0')) await model.run(charm, 'client/0');
      return outcome;
    };
    const publish = (bundle: Material): Promise<unknown> =>
      provide(model, 'etcd/0', (db) => db.setClientCredentials(bundle));

    expect(await save()).toBe('relation-not-ready');
    await provide(model, 'etcd/0', (db) => db.setConnectionString('https://10.0.0.1:2379', '3.5.18'));
    await publish(material);
    expect(await save()).toBe(true);
    expect(readFileSync(paths.keyPath, 'utf8')).toBe(material.key);
    expect(statSync(paths.keyPath).mode & 0o777).toBe(0o600);

    // A unit of another make may publish what does not belong together: nothing of it is saved.
    model.publish(0, 'etcd/0', { client_key: otherKey });
    expect(await save()).toBe('invalid-credentials');
    expect(readFileSync(paths.keyPath, 'utf8')).toBe(material.key);

    const rotated = { ...material, ...TestCertificates.text(certificates.issue('client')) };
    await publish(rotated);
    expect(await save()).toBe(true);
    expect(readFileSync(paths.keyPath, 'utf8')).toBe(rotated.key);
  });
});
