/** Both sides of etcd_client and the texts of their databags: several requests, versions of the protocol, and what cannot be read. */
import { expect, it } from 'vitest';
import { codeOf, describeEtcdClient, material, RELATION, RELATION_ID } from './etcd-client-bench.js';
import { ENDPOINT } from './etcd-client-world.js';

describeEtcdClient(({ make, settled, requirer, provider }) => {
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
});
