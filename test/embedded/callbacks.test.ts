import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bytes, connect, connectFromRelation, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { EtcdClientRequires, EtcdRequires, JujuModel, Reactive, type Charm } from 'etcd-vigil/relation';
import { makeMaterial, World } from '../relation/etcd-client-world.js';
import { eventually } from '../support/poll.js';
import { Bystanders } from './bystanders.js';
import { publicCallbacks } from '../support/public-callbacks.js';

/** A function of the application that throws, or whose promise is rejected, each time it is called. */
type Bug = () => never;

class BugOfTheApplication extends Error {}

const ways = {
  throws: (): never => {
    throw new BugOfTheApplication('thrown');
  },
  // Where nothing is to be returned, an async function is accepted all the same.
  rejects: (() => Promise.reject(new BugOfTheApplication('rejected'))) as unknown as Bug,
};
type Way = keyof typeof ways;

/** What the process would have ended by. */
let uncaught: unknown[] = [];
const kinds = ['uncaughtException', 'unhandledRejection'] as const;
let usual: (() => void)[] = [];

beforeEach(() => {
  uncaught = [];
  usual = kinds.map((kind) => {
    const others = process.rawListeners(kind) as ((error: unknown) => void)[];
    process.removeAllListeners(kind);
    process.on(kind, (error: unknown) => void uncaught.push(error));
    return () => {
      process.removeAllListeners(kind);
      for (const other of others) process.on(kind, other as () => void);
    };
  });
});

afterEach(() => {
  for (const restore of usual) restore();
});

/** Listeners: how each comes to be called. Its failures are the process's, one each; nobody here is concerned. */
const listeners: Record<string, (etcd: Etcd, bug: Bug) => Promise<unknown>> = {
  'Lease.onRenewed(listener)': async (etcd, bug) => {
    (await etcd.leases.grant({ ttlSeconds: 60, intervalMs: 50 })).onRenewed(bug);
  },
  'GrantManyOptions.onProgress': (etcd, bug) => etcd.leases.grantMany(8, { ttlSeconds: 60, onProgress: bug }),
  'LeaseCollection.onEnded(listener)': async (etcd, bug) => {
    const collection = await etcd.leases.grantMany(8, { ttlSeconds: 60 });
    collection.onEnded(bug);
    await collection.revoke();
  },
  'LeaseSession.on(listener)': async (etcd, bug) => {
    const session = etcd.leases.session({ ttlSeconds: 60 });
    session.on(bug);
    const lease = await session.ready;
    await etcd.leases.revoke(lease.leaseId);
    await eventually(() => session.lease !== undefined && session.lease !== lease);
  },
  'Registration.on(listener)': async (etcd, bug) => {
    const registration = await etcd.leases.register(`registered/${String(Math.random())}`, 'here', { ttlSeconds: 60 });
    const { leaseId } = registration;
    registration.on(bug);
    await etcd.leases.revoke(leaseId ?? 0n);
    await eventually(() => registration.isRegistered() && registration.leaseId !== leaseId);
  },
  // Not in the declarations: objects of Node, which has the same rule for them.
  'Lease.signal': async (etcd, bug) => {
    const lease = await etcd.leases.grant({ ttlSeconds: 60 });
    lease.signal.addEventListener('abort', bug);
    await lease.revoke();
  },
  'channel etcd-vigil:watch-ended': async (etcd, bug) => {
    const once = (): never => {
      unsubscribe('etcd-vigil:watch-ended', once);
      return bug();
    };
    subscribe('etcd-vigil:watch-ended', once);
    await etcd.watch('other').cancel();
  },
  'channel etcd-vigil:status': async (_etcd, bug) => {
    const once = (): never => {
      unsubscribe('etcd-vigil:status', once);
      return bug();
    };
    const other = await connect({ endpoints: '127.0.0.1:1', lazy: true });
    subscribe('etcd-vigil:status', once);
    await other.close();
  },
  'EtcdRequires.onConnection(listener)': async (_etcd, bug) => {
    const model = new JujuModel();
    model.deploy('client');
    model.deploy('etcd');
    const relation = model.relate('client:etcd', 'etcd:db');
    await model.settle();
    const inHook = async (charm: Charm): Promise<void> => {
      model.fire('client/0', 'update-status');
      await model.run(charm, 'client/0');
    };
    let endpoint: EtcdRequires | undefined;
    await inHook(async (backend) => {
      endpoint = await EtcdRequires.load(backend, 'etcd');
      endpoint.onConnection(bug);
    });
    model.publish(relation, 'etcd/0', { connection_string: 'http://10.0.0.1:2379' });
    await model.settle();
    await inHook(async (backend) => endpoint?.refresh(backend));
  },
  'EtcdClientRequires.onConnection(listener)': async (_etcd, bug) => {
    const material = makeMaterial();
    try {
      const world = new World({ material });
      await world.prepare();
      let endpoint: EtcdClientRequires | undefined;
      await world.inHook('app/0', async (backend) => {
        endpoint = await EtcdClientRequires.load(backend, world.requires);
        endpoint.onConnection(bug);
      });
      world.relate();
      await world.prepare();
      await world.inHook('app/0', async (backend) => endpoint?.refresh(backend));
    } finally {
      material.close();
    }
  },
};

/** Callbacks that are part of a watch or a group: their failure ends that, and nobody else is concerned. */
const consumers: Record<string, (etcd: Etcd, bug: Bug) => Promise<unknown>> = {
  'WatchOptions.onBatch': async (etcd, bug) => {
    const watcher = etcd.watch('mine', { onBatch: bug });
    await watcher.ready;
    await etcd.kv.put('mine', '1');
    const end = await watcher.ended;
    return end.reason === 'cancelled' ? undefined : end.error;
  },
  'WatchGroupOptions.onBatch': async (etcd, bug) => {
    const group = etcd.watchGroup({ onBatch: bug });
    await group.add('mine').ready;
    await etcd.kv.put('mine', '1');
    return group.ended;
  },
  'WatchGroupOptions.onEnd': async (etcd, bug) => {
    const group = etcd.watchGroup({ onEnd: bug });
    group.add('other');
    await group.add('mine').cancel();
    return group.ended;
  },
};

/** What is called for a call of the application's own, which fails with it. */
const handlers: Record<string, (bug: Bug) => Promise<unknown>> = {
  'Reactive.when(run)': (bug) =>
    dispatched(
      (reactive) => reactive.setFlag('f'),
      (reactive) => reactive.when('f', bug),
    ),
  'Reactive.whenNot(run)': (bug) =>
    dispatched(
      () => undefined,
      (reactive) => reactive.whenNot('f', bug),
    ),
  'Reactive.whenAny(run)': (bug) =>
    dispatched(
      (reactive) => reactive.setFlag('f'),
      (reactive) => reactive.whenAny(['f'], bug),
    ),
  'Reactive.handle(run)': (bug) =>
    dispatched(
      () => undefined,
      (reactive) => reactive.handle({ whenNot: 'f' }, bug),
    ),
  'Reactive.hook(run)': (bug) =>
    dispatched(
      () => undefined,
      (reactive) => reactive.hook('update-status', bug),
    ),
  'Reactive.on(run)': async (bug) => {
    const model = new JujuModel();
    model.deploy('client');
    model.deploy('etcd');
    model.relate('client:etcd', 'etcd:db');
    await model.settle({
      client: async (backend) => {
        const endpoint = await EtcdRequires.load(backend, 'etcd');
        const reactive = new Reactive(backend, { endpoints: [endpoint] });
        await reactive.on(endpoint, 'connected', bug).dispatch();
      },
    });
  },
  'JujuModel.run(charm)': (bug) => inHook(bug),
  'JujuModel.settle(charms)': async (bug) => {
    const model = new JujuModel();
    model.deploy('client');
    await model.settle({ client: bug });
  },
  'Bytes.from(map)': async (bug) => {
    await Promise.resolve(Bytes.from([1, 2], bug));
  },
  'LeaseInput.isClosed': async (bug) => {
    const server = await EmbeddedEtcd.start();
    const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
    try {
      await etcd.kv.put('k', 'v', { lease: { lease: undefined, close: () => undefined, isClosed: bug } });
    } finally {
      await etcd.close();
      await server.close();
    }
  },
  'LeaseInput.isAlive': async (bug) => {
    const server = await EmbeddedEtcd.start();
    const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
    try {
      await etcd.kv.put('k', 'v', { lease: { leaseId: 1n, isAlive: bug } });
    } finally {
      await etcd.close();
      await server.close();
    }
  },
};

/** What an engine asks for its login: what the login was for fails with its error as the cause. */
const logins: Record<string, (etcd: Etcd, endpoints: readonly string[], bug: Bug) => Promise<unknown>> = {
  'ConnectOptions.auth': (_etcd, endpoints, bug) => connect({ endpoints, auth: bug }),
  'ReconfigureOptions.auth': (etcd, _endpoints, bug) => etcd.reconfigure({ auth: bug }),
};

/** Interfaces that the application may implement, by their names up to the dot; each is asked for a call of the application's own. */
const implemented: Record<string, (bug: Bug) => Promise<unknown>> = {
  JujuBackend: (bug) =>
    inHook(async (backend) => {
      await EtcdRequires.load(failing(backend, bug), 'etcd');
    }),
  EtcdConnectionSource: (bug) => connectFromRelation({ connection: bug, onConnection: () => () => undefined }),
  RelationEndpoint: (bug) =>
    inHook(async (backend) => {
      const endpoint = await EtcdRequires.load(backend, 'etcd');
      await new Reactive(backend, { endpoints: [failing(endpoint, bug)] }).dispatch();
    }),
};

/** Only looked at, never called. */
const uncalled = ['LeaseInput.close'];

/** Every method of it is the bug. */
function failing<T extends object>(target: T, bug: Bug): T {
  return new Proxy(target, {
    get: (from, name) => {
      const value: unknown = Reflect.get(from, name, from);
      return typeof value === 'function' ? bug : value;
    },
  });
}

async function inHook(charm: Charm): Promise<void> {
  const model = new JujuModel();
  model.deploy('client');
  await model.settle();
  model.fire('client/0', 'update-status');
  await model.run(charm);
}

function dispatched(before: (reactive: Reactive) => unknown, add: (reactive: Reactive) => unknown): Promise<void> {
  return inHook(async (backend) => {
    const reactive = new Reactive(backend);
    reactive.hook('update-status', () => void before(reactive));
    add(reactive);
    await reactive.dispatch();
  });
}

/** What gives its value at once has no promise that could be rejected. */
const synchronous = new Set(['Bytes.from(map)', 'LeaseInput.isAlive', 'LeaseInput.isClosed', 'EtcdConnectionSource']);
const pairs = (names: readonly string[]): { name: string; way: Way }[] =>
  names.flatMap((name) =>
    (synchronous.has(name) ? (['throws'] as const) : (['throws', 'rejects'] as const)).map((way) => ({ name, way })),
  );

describe('a callback of the application that fails', () => {
  it('is one of those that are proven here: whoever adds one to the public functions adds it to this list', () => {
    const proven = [listeners, consumers, handlers, logins].flatMap((group) => Object.keys(group)).concat(uncalled);
    const found = publicCallbacks();
    const isImplemented = (name: string): boolean => Object.hasOwn(implemented, name.replace(/\..*/, ''));
    expect(found.filter((name) => !proven.includes(name) && !isImplemented(name))).toEqual([]);
    expect(proven.filter((name) => name.includes('(') && !found.includes(name))).toEqual([]);
  }, 300_000);

  describe.each([1, 'inline'] as const)('with shards: %s', (shards) => {
    let server: EmbeddedEtcd;
    let etcd: Etcd;
    let bystanders: Bystanders;

    beforeAll(async () => {
      server = await EmbeddedEtcd.start();
      etcd = await connect({ endpoints: server.endpoints, shards });
      bystanders = new Bystanders(etcd);
      await bystanders.begin();
    }, 300_000);

    afterAll(async () => {
      await server.close();
    }, 300_000);

    it.each(pairs(Object.keys(listeners)))(
      'costs nobody else anything and is an uncaught exception of the process: $name $way',
      async ({ name, way }) => {
        let calls = 0;
        let isOver = false;
        await listeners[name]?.(etcd, () => {
          if (isOver) return undefined as never;
          calls += 1;
          return ways[way]();
        });
        await eventually(() => calls > 0, { what: 'a call', timeoutMs: 100_000 });
        await bystanders.check();
        isOver = true;
        await eventually(() => uncaught.length === calls, { what: 'one report for each call', timeoutMs: 100_000 });
        for (const error of uncaught) expect(error).toBeInstanceOf(BugOfTheApplication);
      },
      300_000,
    );

    it.each(pairs(Object.keys(consumers)))(
      'ends what it belongs to, with its error as the cause, and nothing else: $name $way',
      async ({ name, way }) => {
        const error = await consumers[name]?.(etcd, ways[way]);
        expect(error).toMatchObject({ code: 'callback-failed', cause: expect.any(BugOfTheApplication) as unknown });
        await bystanders.check();
        expect(uncaught).toEqual([]);
      },
      300_000,
    );

    it.each(pairs(Object.keys(logins)))(
      'fails the login that it was asked for, with its error as the cause, and nothing else: $name $way',
      async ({ name, way }) => {
        await expect(logins[name]?.(etcd, server.endpoints, ways[way])).rejects.toMatchObject({
          code: 'callback-failed',
          cause: expect.any(BugOfTheApplication) as unknown,
        });
        await bystanders.check();
        expect(uncaught).toEqual([]);
      },
      300_000,
    );

    it('does not keep close() from settling, nor has it cost the shard', async () => {
      await etcd.close();
      const types = bystanders.statuses.map(({ type }) => type);
      expect(types).toContain('closed');
      expect(types.filter((type) => type.startsWith('shard-') && type !== 'shard-ready')).toEqual([]);
    }, 300_000);
  });

  it.each(pairs([...Object.keys(handlers), ...Object.keys(implemented)]))(
    'is thrown by the call that it was called for: $name $way',
    async ({ name, way }) => {
      const run = handlers[name] ?? implemented[name];
      await expect(run?.(ways[way])).rejects.toBeInstanceOf(BugOfTheApplication);
      expect(uncaught).toEqual([]);
    },
    100_000,
  );
});
