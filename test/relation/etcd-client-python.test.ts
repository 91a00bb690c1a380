/** What Python's libraries of etcd_client compare, drop, order and default, in both of our sides; and where ours differ on purpose. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { answerSnapshot, requestSnapshot } from '../../src/main/relation/etcd-client/change-memory.js';
import { readAnswer } from '../../src/main/relation/etcd-client/client-answer.js';
import { readRequests, requestIdOf } from '../../src/main/relation/etcd-client/client-request.js';
import { ENDPOINT, makeMaterial, World, type Material } from './etcd-client-world.js';

const RELATION = 9;
const RELATION_ID = `${ENDPOINT}:${String(RELATION)}`;
const SALT = 'saltsaltsaltsalt';
const ID = requestIdOf('/app/', SALT);
let material: Material;

beforeAll(() => {
  material = makeMaterial();
});
afterAll(() => {
  material.close();
});

/** A world whose provider is answered for by the test. */
async function world(protocol: 'v0' | 'v1' | 'dual' = 'v0'): Promise<World> {
  const made = new World({ material, requires: { protocol } });
  made.silent.add('etcd');
  await made.settle();
  made.relate();
  await made.settle();
  return made;
}

/** Publishes as the provider's leader; the values of `secrets` go into secrets, and their ids into the databag. */
async function publish(
  made: World,
  bag: (ids: Readonly<Record<string, string>>) => Record<string, string>,
  secrets: Readonly<Record<string, Record<string, string>>> = {},
): Promise<void> {
  await made.inHook('etcd/0', async (backend: JujuBackend) => {
    const ids: Record<string, string> = {};
    for (const [label, content] of Object.entries(secrets)) {
      const known = (await backend.secretInfo({ label }))?.id;
      if (known !== undefined) await backend.writeSecret(known, content);
      ids[label] = known ?? (await backend.addSecret(content, { label }));
      if (known === undefined) await backend.grantSecret(ids[label], RELATION_ID);
    }
    await backend.writeDatabag(RELATION_ID, 'app', bag(ids));
  });
  made.required.splice(0);
  await made.settle();
}

function v0Answer(endpoints: string) {
  return ({ user = '', tls = '' }: Readonly<Record<string, string>>) => ({
    'secret-user': user,
    'secret-tls': tls,
    endpoints,
    version: '3.6.4',
  });
}

const user = (uris: string) => ({ user: { username: 'cn', uris } });

describe('the two lists of members that a provider publishes', () => {
  it('endpoints that change while uris stay are told and followed, whatever their order', async () => {
    const made = await world();
    const tls = { tls: { 'tls-ca': material.ca } };
    await publish(made, v0Answer('10.0.0.1:2379'), { ...user('https://10.0.0.1:2379'), ...tls });
    expect(made.seen.connection()?.endpoints).toEqual(['https://10.0.0.1:2379']);
    await publish(made, () => ({ endpoints: '10.0.0.3:2379,10.0.0.2:2379' }));
    expect(made.takeEvents('required')).toEqual(['endpointsChanged']);
    // Hook after hook, until uris are renewed.
    await publish(made, () => ({ endpoints: '10.0.0.2:2379,10.0.0.3:2379', version: '3.6.5' }));
    expect(made.takeEvents('required')).toEqual(['versionChanged']);
    await publish(made, () => ({}), user('https://10.0.0.9:2379'));
    expect(made.takeEvents('required')).toEqual(['endpointsChanged']);
    made.model.fire('app/0', 'update-status');
    await made.settle();
    expect(made.seen.connection()?.endpoints).toEqual(['https://10.0.0.9:2379']);
    expect(made.takeEvents('required')).toEqual([]);
  });

  it('at first sight uris count, and endpoints that were taken back leave them', async () => {
    const made = await world();
    await publish(made, v0Answer('10.0.0.2:2379'), user('https://10.0.0.1:2379'));
    expect(made.seen.connection()?.endpoints).toEqual(['https://10.0.0.1:2379']);
    await publish(made, () => ({ endpoints: '10.0.0.3:2379' }));
    expect(made.seen.connection()?.endpoints).toEqual(['https://10.0.0.3:2379']);
    await publish(made, () => ({ endpoints: '' }));
    expect(made.seen.connection()?.endpoints).toEqual(['https://10.0.0.1:2379']);
    expect(made.takeEvents('required')).toEqual(['endpointsChanged']);
  });

  it('a hook that fails sees the change again when it is retried', async () => {
    const made = await world();
    await publish(made, v0Answer('10.0.0.1:2379'), user('https://10.0.0.1:2379'));
    made.silent.add('app');
    await publish(made, () => ({ endpoints: '10.0.0.2:2379' }));
    made.silent.delete('app');
    const crash = async (backend: JujuBackend): Promise<void> => {
      await made.requirerCharm(backend);
      throw new Error('crash');
    };
    for (const charm of [crash, undefined]) {
      made.model.fire('app/0', 'update-status');
      await made.run('app/0', charm).catch(() => undefined);
      expect(made.takeEvents('required')).toEqual(['endpointsChanged']);
    }
  });
});

describe('what Python defaults', () => {
  const element = { resource: '/app/', 'request-id': ID, salt: SALT, endpoints: '10.0.0.1:2379', version: '3.6.4' };
  const bagOf = (bag: Record<string, unknown>) =>
    new Map(Object.entries(bag).map(([key, value]) => [key, JSON.stringify(value)]));

  it('a list of answers without a version is one of v1', async () => {
    const made = await world('v1');
    const { requests } = readRequests(new Map(Object.entries(made.bag(RELATION, 'app'))));
    const answers = requests.map(({ resource, requestId, salt }) => ({
      ...element,
      ...{ resource, 'request-id': requestId, salt },
    }));
    await publish(made, () => ({ requests: JSON.stringify(answers) }));
    expect(made.seen.connection()).toMatchObject({
      endpoints: ['https://10.0.0.1:2379'],
      version: '3.6.4',
      source: { protocol: 'etcd_client/v1' },
    });
  });

  it('an answer without its id has the one that follows from resource and salt, and resource may be called prefix', () => {
    const { resource, 'request-id': _, ...rest } = element;
    for (const name of ['resource', 'prefix']) {
      const bag = bagOf({ requests: [{ ...rest, [name]: resource }] });
      expect(readAnswer(bag, '/app/', ID)).toMatchObject({ protocol: 'v1', requestId: ID });
      expect(readAnswer(bag, '/app/', undefined)).toMatchObject({ protocol: 'v1', requestId: ID });
      expect(readAnswer(bag, '/app/', 'another')).toBeUndefined();
    }
  });

  it('a request without its id has the one that follows, and resource may be called prefix', () => {
    for (const name of ['resource', 'prefix']) {
      const bag = new Map([
        ['version', 'v1'],
        ['requests', JSON.stringify([{ [name]: '/app/', salt: SALT }])],
      ]);
      expect(readRequests(bag)).toMatchObject({
        protocol: 'v1',
        requests: [{ resource: '/app/', requestId: ID, salt: SALT }],
        problem: undefined,
      });
    }
  });

  it('a request without a version is one of v0, which needs a prefix', () => {
    expect(readRequests(bagOf({ requests: [element] }))).toMatchObject({ protocol: 'v0', requests: [] });
  });
});

describe('what Python remembers in `data`', () => {
  it("a v1 provider's drops nulls and defaults, and orders the fields as Python's model does", () => {
    const requests = [
      {
        'x-more': 1,
        ...{ salt: SALT, 'request-id': ID, 'entity-type': null, 'external-node-connectivity': false },
        'entity-permissions': [{ privileges: ['READ'], other: 1, resource_type: 'KEY', resource_name: 'k' }],
        ...{ resource: '/app/', 'secret-mtls': 'secret:m', 'mtls-cert': 'PEM', data: '{}' },
      },
      { resource: '/b/', 'request-id': 'b', salt: 's', 'external-node-connectivity': true },
    ];
    expect(requestSnapshot(new Map([['requests', JSON.stringify(requests)]]))).toBe(
      `{"${ID}": {"resource": "/app/", "request-id": "${ID}", "salt": "${SALT}", "entity-permissions": ` +
        '[{"resource_name": "k", "resource_type": "KEY", "privileges": ["READ"]}], "secret-mtls": "secret:m", "x-more": 1}, ' +
        '"b": {"resource": "/b/", "request-id": "b", "salt": "s", "external-node-connectivity": true}}',
    );
  });

  for (const protocol of ['v1', 'dual'] as const) {
    it(`a ${protocol} requirer keeps each answer by its id, without nulls, in its unit's databag`, async () => {
      const made = new World({ material, units: 2, requires: { protocol } });
      await made.settle();
      made.relate();
      await made.settle();
      const [answer] = JSON.parse(made.bag(RELATION, 'etcd')['requests'] ?? '') as Record<string, string>[];
      const { resource, 'request-id': id = '', salt, 'secret-user': secretUser, 'secret-tls': tls } = answer ?? {};
      const expected =
        `{"${id}": {"resource": "${resource ?? ''}", "request-id": "${id}", "salt": "${salt ?? ''}", ` +
        `"endpoints": "10.0.0.1:2379", "secret-user": "${secretUser ?? ''}", "secret-tls": "${tls ?? ''}", "version": "3.6.4"}}`;
      for (const unit of ['app/0', 'app/1']) expect(made.bag(RELATION, unit)['data']).toBe(expected);
    });
  }

  it('a v1 requirer keeps none while the provider has published no `data`, as Python takes no notice then', async () => {
    const made = await world('v1');
    const requests = [{ resource: '/app/', 'request-id': ID, salt: SALT, endpoints: 'h:1' }];
    await publish(made, () => ({ version: 'v1', requests: JSON.stringify(requests) }));
    expect(made.bag(RELATION, 'app/0')).toEqual({});
  });

  it('answers to former requests stay in it', () => {
    const bag = new Map([['requests', '[{"resource": "/app/", "request-id": "b", "salt": "s", "endpoints": "h:1"}]']]);
    expect(answerSnapshot(bag, '{"a": {"resource": "/a/"}, "b": {}}')).toBe(
      '{"a": {"resource": "/a/"}, "b": {"resource": "/app/", "request-id": "b", "salt": "s", "endpoints": "h:1"}}',
    );
    expect(answerSnapshot(bag, 'no JSON')).toContain('{"b": {');
  });
});

describe('deviations, each named in the guide', () => {
  it("our provider answers a v0 request as Python's v0 library does: without the resource, salt and prefix of its v1 library", async () => {
    const made = new World({ material });
    await made.settle();
    made.relate();
    await made.settle();
    expect(Object.keys(made.bag(RELATION, 'etcd'))).toEqual([
      ...['data', 'secret-user', 'endpoints', 'version', 'secret-tls'],
    ]);
  });

  it('read-only endpoints are neither published nor told: every member of etcd takes writes', async () => {
    const made = await world();
    await publish(made, v0Answer('10.0.0.1:2379'), user('https://10.0.0.1:2379'));
    await publish(made, () => ({ 'read-only-endpoints': '10.0.0.7:2379' }));
    expect(made.takeEvents('required')).toEqual([]);
  });
});
