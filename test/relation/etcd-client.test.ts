/** Both sides of etcd_client in the cases that go wrong elsewhere, on the model in memory and over spawned hook tools. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { EtcdClientProvides } from '../../src/main/relation/etcd-client/etcd-client-provides.js';
import { EtcdClientRequires } from '../../src/main/relation/etcd-client/etcd-client-requires.js';
import { EtcdError } from '../../src/wire/errors.js';
import { describeBackends } from './fake-tools/backend-kinds.js';
import { ENDPOINT, makeMaterial, World, type Material, type WorldOptions } from './etcd-client-world.js';

const RELATION = 9;
const RELATION_ID = `${ENDPOINT}:${String(RELATION)}`;
let material: Material;

beforeAll(() => {
  material = makeMaterial();
});
afterAll(() => {
  material.close();
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EtcdError)) throw new Error('no EtcdError', { cause: error });
  expect(error.message).not.toMatch(/BEGIN|PRIVATE|MII/);
  return error.code;
}

describeBackends((kind) => {
  const make = (options: Omit<WorldOptions, 'material' | 'through'> = {}): World =>
    new World({ material, through: (charm) => kind.charm(charm), ...options });

  /** A world in which everything is related and answered. */
  const settled = async (options: Omit<WorldOptions, 'material' | 'through'> = {}): Promise<World> => {
    const world = make(options);
    await world.prepare();
    world.relate();
    await world.prepare();
    world.required.splice(0);
    world.provided.splice(0);
    return world;
  };
  const requirer = (world: World, unit: string, use: (endpoint: EtcdClientRequires, b: JujuBackend) => Promise<void>) =>
    world.inHook(unit, async (backend) => use(await EtcdClientRequires.load(backend, world.requires), backend));
  const provider = (world: World, use: (endpoint: EtcdClientProvides, b: JujuBackend) => Promise<void>) =>
    world.inHook(`${world.provider}/0`, async (backend) =>
      use(await EtcdClientProvides.load(backend, ENDPOINT), backend),
    );

  for (const protocol of ['v0', 'v1', 'dual'] as const) {
    it(`${protocol}: request, answer, and both certificates renewed`, async () => {
      const world = make({ requires: { protocol } });
      await world.prepare();
      world.relate();
      // Once from the beginning over the tools; what differs in the others comes later.
      await (protocol === 'v0' ? world.settle() : world.prepare());
      expect(world.seen.connection()).toEqual({
        endpoints: ['https://10.0.0.1:2379'],
        version: '3.6.4',
        tls: { ca: material.ca, ...material.certA },
        isComplete: true,
        username: 'cn',
        source: {
          protocol: protocol === 'v0' ? 'etcd_client/v0' : 'etcd_client/v1',
          relationId: RELATION_ID,
          member: 'etcd',
        },
      });
      expect([...world.seen.flags]).toEqual(world.seen.ownFlags);
      const bag = world.bag(RELATION, 'app');

      world.takeEvents('provided');
      world.requires = { ...world.requires, certificate: material.certB };
      world.model.fire('app/0', 'update-status');
      await world.settle();
      expect(world.takeEvents('provided')).toEqual(['certificateChanged']);
      expect(world.bag(RELATION, 'app')).toEqual(bag);

      world.takeEvents('required');
      const ca = material.ca + material.ca;
      world.access = { endpoints: ['10.0.0.2:2379', '10.0.0.1:2379'], version: '3.6.5', ca };
      world.model.fire('etcd/0', 'update-status');
      await world.settle();
      expect(new Set(world.takeEvents('required'))).toEqual(
        new Set(['endpointsChanged', 'versionChanged', 'credentialsChanged']),
      );
    });
  }

  it('nothing is written twice: the next hook of either side changes nothing', async () => {
    const world = await settled();
    const before = JSON.stringify([world.bag(RELATION, 'app'), world.bag(RELATION, 'etcd')]);
    const revisions = (): number[] => world.model.secrets().map(({ revision }) => revision);
    await world.inHook('app/0', (backend) => world.requirerCharm(backend));
    await world.inHook('etcd/0', (backend) => world.providerCharm(backend));
    expect(world.model.pending).toEqual([]);
    expect(JSON.stringify([world.bag(RELATION, 'app'), world.bag(RELATION, 'etcd')])).toBe(before);
    expect(revisions()).toEqual([1, 1, 1]);
    expect(world.takeEvents('required')).toEqual([]);
    expect(world.takeEvents('provided')).toEqual([]);
  });

  it('a hook that fails leaves nothing, and its retry ends the same', async () => {
    const world = make();
    await world.prepare();
    world.relate();
    const crashing = async (backend: JujuBackend): Promise<void> => {
      await world.requirerCharm(backend);
      throw new Error('crash');
    };
    await expect(world.run('app/0', crashing)).rejects.toThrow('crash');
    expect(world.bag(RELATION, 'app')).toEqual({});
    expect(world.model.secrets()).toEqual([]);
    await world.run('app/0');
    expect(world.model.secrets()).toHaveLength(1);
    world.silent.add('app');
    await world.prepare();
    expect(world.bag(RELATION, 'etcd')['endpoints']).toBe('10.0.0.1:2379');
  });

  it('the provider answers before any unit has joined, and an answer outlives the units', async () => {
    const world = make();
    await world.prepare();
    world.relate();
    expect(await world.run('app/0')).toBe('app/0 etcd-client-relation-created');
    expect(await world.run('etcd/0')).toBe('etcd/0 etcd-client-relation-created');
    expect([...(world.provided.at(-1)?.endpoint.flags ?? [])]).toEqual([`${ENDPOINT}.requested`]);
    expect(world.bag(RELATION, 'etcd')['endpoints']).toBe('10.0.0.1:2379');
    await world.prepare();
    world.silent.add('etcd');
    world.model.removeUnit('etcd/0');
    await world.settle();
    expect(world.required.at(-1)?.hook).toBe('etcd-client-relation-departed');
    // The application's answer does not go with its units.
    expect([...world.seen.flags]).toEqual(world.seen.ownFlags);
  });

  it('a unit that goes itself still reads; the provider is connected until the last unit of the other side went', async () => {
    const world = await settled({ units: 2 });
    world.model.removeUnit('app/0');
    await world.settle();
    expect(world.required.find(({ unit, hook }) => unit === 'app/0' && hook.endsWith('departed'))).toBeDefined();
    expect(world.provided.at(-1)?.endpoint.flags.has(`${ENDPOINT}.connected`)).toBe(true);
    world.model.removeUnit('app/1');
    await world.settle();
    expect([...(world.provided.at(-1)?.endpoint.flags ?? [])]).toEqual([`${ENDPOINT}.requested`]);
    expect(world.takeEvents('provided')).toEqual(['disconnected']);
  });

  it('two providers: the first whole answer counts; when its relation breaks, the other does', async () => {
    const world = make();
    world.model.deploy('etcd2');
    world.silent.add('etcd2');
    await world.prepare();
    world.relate();
    const second = world.relate('etcd2');
    await world.prepare();
    const charm = async (backend: JujuBackend): Promise<void> => {
      const endpoint = await EtcdClientProvides.load(backend, ENDPOINT);
      await endpoint.answer({ endpoints: ['10.0.9.9:2379'], version: '3.5.1', ca: material.ca });
    };
    await world.inHook('etcd2/0', charm);
    await world.prepare();
    expect(world.seen.connection()?.source).toMatchObject({ member: 'etcd2' });
    // `etcd-client:10` stands before `etcd-client:9`: Juju sorts as text.
    expect(world.seen.connection()?.endpoints).toEqual(['https://10.0.9.9:2379']);
    world.takeEvents('required');
    world.model.removeRelation(second);
    while (world.model.pending.some(({ unit }) => unit === 'app/0')) await world.run('app/0');
    expect(world.seen.connection()?.endpoints).toEqual(['https://10.0.0.1:2379']);
    expect(world.takeEvents('required')).toEqual(['endpointsChanged', 'versionChanged']);
  });

  it('a relation broken and made again: nothing of the old one is left, and secrets are removed', async () => {
    const world = await settled();
    world.model.removeRelation(RELATION);
    await world.prepare();
    expect(world.seen.connection()).toBeUndefined();
    expect(world.seen.waiting).toBe('no relation');
    expect([...world.seen.flags]).toEqual([]);
    expect(world.takeEvents('required')).toEqual(['disconnected', 'unavailable', 'tlsUnavailable']);
    const withdrawn = world.provided.flatMap(({ events }) => events).find(({ type }) => type === 'withdrawn');
    expect(withdrawn).toMatchObject({ relationId: RELATION_ID, prefix: '/app/', commonName: 'cn' });
    await requirer(world, 'app/0', async (endpoint) => expect(await endpoint.removeStaleSecrets()).toBe(1));
    await provider(world, async (endpoint) => expect(await endpoint.removeStaleSecrets()).toBe(2));
    expect(world.model.secrets()).toEqual([]);
    const next = world.relate();
    await world.prepare();
    expect(world.seen.connection()?.source.relationId).toBe(`${ENDPOINT}:${String(next)}`);
  });

  it('an answer taken back is not available any more', async () => {
    const world = await settled();
    world.access = undefined;
    await provider(world, async (endpoint) => expect(await endpoint.withdraw(RELATION_ID)).toBe(true));
    world.takeEvents('required');
    await world.settle();
    expect(world.seen.waiting).toBe("'etcd' has not answered");
    expect(world.takeEvents('required')).toEqual(['unavailable', 'tlsUnavailable']);
    expect(world.model.secrets()).toHaveLength(1);
  });

  it('only the leader writes; every unit reads the answer and its own part of the certificate', async () => {
    const world = await settled({ units: 2, requires: { protocol: 'v1' } });
    await requirer(world, 'app/1', async (endpoint) => {
      expect(await codeOf(endpoint.publish())).toBe('not-leader');
      expect(await codeOf(endpoint.removeStaleSecrets())).toBe('not-leader');
      // It does not know the request's id, which only the leader may read.
      expect(endpoint.connection()?.username).toBe('cn');
    });
    world.model.addUnit('etcd');
    await world.prepare();
    await world.inHook('etcd/1', async (backend) => {
      const endpoint = await EtcdClientProvides.load(backend, ENDPOINT);
      expect(endpoint.requests).toHaveLength(1);
      const access = { endpoints: ['a:1'], version: '1', ca: material.ca };
      expect(await codeOf(endpoint.answer(access))).toBe('not-leader');
      expect(await codeOf(endpoint.withdraw(RELATION_ID))).toBe('not-leader');
    });
  });

  it('a new leader goes on with salt and secret; the one that lost it in its hook leaves nothing', async () => {
    const world = await settled({ units: 2, requires: { protocol: 'dual' } });
    const before = world.bag(RELATION, 'app');
    world.requires = { ...world.requires, certificate: material.certB };
    const dethroned = async (backend: JujuBackend): Promise<void> => {
      await world.requirerCharm(backend);
      world.model.setLeader('app/1');
    };
    world.model.fire('app/0', 'update-status');
    expect(await codeOf(world.run('app/0', dethroned))).toBe('not-leader');
    expect(world.model.secrets()[0]?.revision).toBe(1);
    await world.inHook('app/1', (backend) => world.requirerCharm(backend));
    expect(world.bag(RELATION, 'app')).toEqual(before);
    expect(world.model.secrets()[0]?.revision).toBe(2);
  });

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

  it('what cannot be understood is waited for, never thrown', async () => {
    const world = make();
    world.silent.add('app').add('etcd');
    await world.prepare();
    world.relate();
    await world.prepare();
    const speak = (unit: string, change: Record<string, string>): Promise<void> =>
      world.inHook(unit, (backend) => backend.writeDatabag(RELATION_ID, 'app', change));
    await speak('app/0', { version: 'v1', requests: '[{"resource":"/x"},7,{"salt":' });
    await speak('etcd/0', { endpoints: ' ,nonsense host:x,,', version: '3.6.4', data: 'not JSON', status: '{' });
    await provider(world, async (endpoint) => {
      expect(endpoint.requests).toEqual([]);
      expect(await endpoint.answer({ endpoints: ['h:1'], version: '1', ca: material.ca })).toBe(false);
    });
    await requirer(world, 'app/0', async (endpoint) => {
      expect(endpoint.connection()).toBeUndefined();
      expect(endpoint.waiting).toBe("'etcd' has published no endpoint that can be read");
      expect(endpoint.statuses).toEqual([{ relationId: RELATION_ID, statuses: [] }]);
    });
    await speak('etcd/0', { endpoints: ' 10.0.0.2:2379 ,[fd00::1]:2379,, 10.0.0.2:2379,', version: '', data: '' });
    await requirer(world, 'app/0', async (endpoint) => {
      // No version, no authorities: available, without TLS material.
      expect(endpoint.connection()).toMatchObject({
        endpoints: ['https://10.0.0.2:2379', 'https://[fd00::1]:2379'],
        version: undefined,
        tls: undefined,
      });
      expect([...endpoint.flags]).toEqual([`${ENDPOINT}.connected`, `${ENDPOINT}.available`]);
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

  it('takes values of more than 128 KiB', async () => {
    const world = await settled();
    const ca = material.ca.repeat(Math.ceil((200 * 1_024) / material.ca.length));
    await provider(world, async (endpoint) => {
      await endpoint.answer({ endpoints: ['10.0.0.1:2379'], version: '3.6.4', ca });
    });
    await requirer(world, 'app/0', async (endpoint) => {
      expect(endpoint.connection()?.tls?.ca).toBe(ca);
    });
  });

  it('two requests on one v1 relation have answers of their own; one that goes takes its own with it', async () => {
    const world = make();
    world.silent.add('app');
    await world.prepare();
    world.relate();
    await world.prepare();
    const ask = (ids: readonly string[]): Promise<void> =>
      world.inHook('app/0', async (backend) => {
        const known = (await backend.secretInfo({ label: 'mine' }))?.id;
        const id = known ?? (await backend.addSecret({ 'mtls-cert': material.certA.cert }, { label: 'mine' }));
        await backend.grantSecret(id, RELATION_ID);
        const requests = ids.map((one) => ({ resource: `/${one}/`, 'request-id': one, salt: one, 'secret-mtls': id }));
        await backend.writeDatabag(RELATION_ID, 'app', { version: 'v1', requests: JSON.stringify(requests) });
      });
    await ask(['one', 'two']);
    world.access = undefined;
    await world.prepare();
    const access = { endpoints: ['h:1'], version: '1', ca: material.ca };
    await provider(world, async (endpoint) => {
      const [one, two] = endpoint.requests;
      expect(await endpoint.answer({ ...access, username: 'alice' }, one)).toBe(true);
      expect(await endpoint.answer({ ...access, username: 'bob' }, two)).toBe(true);
      expect(await endpoint.answer({ ...access, username: 'alice' }, one)).toBe(false);
    });
    expect(JSON.parse(world.bag(RELATION, 'etcd')['requests'] ?? '')).toMatchObject([
      { 'request-id': 'one' },
      { 'request-id': 'two' },
    ]);
    expect(world.model.secrets()).toHaveLength(5);
    await ask(['two']);
    await world.prepare();
    await provider(world, async (endpoint) => {
      await endpoint.answer({ ...access, username: 'bob' });
    });
    expect(JSON.parse(world.bag(RELATION, 'etcd')['requests'] ?? '')).toMatchObject([{ 'request-id': 'two' }]);
    expect(Object.keys(JSON.parse(world.bag(RELATION, 'etcd')['data'] ?? '') as object)).toEqual(['two']);
    expect(world.model.secrets()).toHaveLength(3);
  });

  it('a requirer that goes from v0 to v1 keeps its secret, and is answered in v1 with nothing of v0 left', async () => {
    const world = await settled();
    const secret = world.bag(RELATION, 'app')['secret-mtls'] ?? 'none';
    world.requires = { ...world.requires, protocol: 'v1' };
    await world.inHook('app/0', (backend) => world.requirerCharm(backend));
    await world.prepare();
    expect(Object.keys(world.bag(RELATION, 'app'))).toEqual(['version', 'requests']);
    expect(world.bag(RELATION, 'app')['requests']).toContain(secret);
    expect(Object.keys(world.bag(RELATION, 'etcd')).sort()).toEqual(['data', 'requests', 'version']);
    expect(world.model.secrets()).toHaveLength(3);
    expect(world.seen.connection()?.source.protocol).toBe('etcd_client/v1');
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

  it('roles and entity cannot change once they were sent', async () => {
    const world = await settled({
      requires: { extraUserRoles: 'reader', entityPermissions: '[{"a": 1}]', protocol: 'v1' },
    });
    expect(world.bag(RELATION, 'app')['requests']).toContain('"extra-user-roles": "reader"');
    world.requires = { ...world.requires, entityPermissions: '[ {"a":1} ]' };
    await requirer(world, 'app/0', async (endpoint) => expect(await endpoint.publish()).toBe(false));
    world.requires = { ...world.requires, extraUserRoles: 'admin' };
    await requirer(world, 'app/0', async (endpoint) =>
      expect(await codeOf(endpoint.publish())).toBe('invalid-argument'),
    );
  });

  it('tells what the provider says about itself', async () => {
    const world = await settled();
    const statuses = [{ code: 4001, message: 'cluster restarts', resolution: 'wait' }];
    await provider(world, async (endpoint) => {
      expect(await endpoint.setStatuses(RELATION_ID, statuses)).toBe(true);
      expect(await endpoint.setStatuses(RELATION_ID, statuses)).toBe(false);
    });
    await requirer(world, 'app/0', async (endpoint) => {
      expect(endpoint.statuses).toEqual([{ relationId: RELATION_ID, statuses }]);
    });
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
