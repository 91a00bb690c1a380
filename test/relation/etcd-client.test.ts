/** Both sides of etcd_client from the first hook to the last: what is written, by whom, and what is left when units and relations go. */
import { expect, it } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { EtcdClientProvides } from '../../src/main/relation/etcd-client/etcd-client-provides.js';
import { codeOf, describeEtcdClient, material, RELATION, RELATION_ID } from './etcd-client-bench.js';
import { ENDPOINT } from './etcd-client-world.js';

describeEtcdClient(({ make, settled, requirer, provider }) => {
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
});
