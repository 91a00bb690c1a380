import { describe, expect, it } from 'vitest';
import { JujuModel, type Charm, type JujuBackend } from '../../../../../src/main/relation/index.js';

const LIFE = ['install', 'leader-elected', 'config-changed', 'start'];

async function related(
  units: { client?: number; etcd?: number } = {},
): Promise<{ model: JujuModel; relation: number }> {
  const model = new JujuModel({ publishAddresses: false });
  model.deploy('client', { units: units.client ?? 1 });
  model.deploy('etcd', { units: units.etcd ?? 1 });
  await model.settle();
  return { model, relation: model.relate('client:etcd', 'etcd:db') };
}

/** The hooks of one unit. */
function of(unit: string, ran: readonly string[]): string[] {
  return ran.filter((line) => line.startsWith(`${unit} `)).map((line) => line.slice(unit.length + 1));
}

/** Runs `look` in the next hook of this name; other hooks do nothing. */
async function inHook<T>(
  model: JujuModel,
  unit: string,
  hook: string,
  look: (backend: JujuBackend) => Promise<T>,
): Promise<T> {
  for (;;) {
    let answer: { value: T } | undefined;
    const context = await model.run(async (backend) => {
      if (backend.context.hook === hook) answer = { value: await look(backend) };
    }, unit);
    if (context === undefined) throw new Error(`${unit} has no hook ${hook}`);
    if (answer !== undefined) return answer.value;
  }
}

describe('the hooks of a model in memory', () => {
  it('begin with those of a new unit', async () => {
    const model = new JujuModel();
    model.deploy('client');
    expect(await model.settle()).toEqual(LIFE.map((hook) => `client/0 ${hook}`));
  });

  it('are created, then joined and changed for each remote unit', async () => {
    const { model } = await related({ etcd: 2 });
    expect(of('client/0', await model.settle())).toEqual([
      'etcd-relation-created',
      'etcd-relation-joined',
      'etcd-relation-changed',
      'etcd-relation-joined',
      'etcd-relation-changed',
    ]);
  });

  it('tell both sides of a unit that is added later, once', async () => {
    const { model } = await related();
    await model.settle();
    model.addUnit('etcd');
    const ran = await model.settle();
    expect(of('client/0', ran)).toEqual(['etcd-relation-joined', 'etcd-relation-changed']);
    expect(of('etcd/1', ran).slice(-3)).toEqual(['db-relation-created', 'db-relation-joined', 'db-relation-changed']);
  });

  it('come again for new data, once for several writes, and not for the same data', async () => {
    const { model, relation } = await related();
    await model.settle();
    model.publish(relation, 'etcd/0', { a: '1' });
    model.publish(relation, 'etcd/0', { b: '2' });
    expect(await model.settle()).toEqual(['client/0 etcd-relation-changed']);
    model.publish(relation, 'etcd/0', { b: '2', c: '' });
    expect(await model.settle()).toEqual([]);
  });

  it('have no remote unit when application data changed', async () => {
    const { model, relation } = await related();
    await model.settle();
    model.publish(relation, 'etcd', { a: '1' });
    const context = await model.run(async () => {});
    expect(context?.relation).toMatchObject({ phase: 'changed', remoteUnit: undefined, remoteApp: 'etcd' });
  });

  it('no longer list a unit in its departed hook, whose data can still be read', async () => {
    const { model, relation } = await related({ etcd: 2 });
    await model.settle();
    model.publish(relation, 'etcd/1', { a: '1' });
    await model.settle();
    model.removeUnit('etcd/1');
    const seen = await inHook(model, 'client/0', 'etcd-relation-departed', async (backend) => ({
      units: await backend.relationUnits('etcd:0'),
      bag: await backend.readDatabag('etcd:0', 'etcd/1'),
      departing: backend.context.relation?.departingUnit,
    }));
    expect(seen).toEqual({ units: ['etcd/0'], bag: new Map([['a', '1']]), departing: 'etcd/1' });
    expect(of('etcd/1', await model.settle())).toEqual([
      'db-relation-departed',
      'db-relation-broken',
      'stop',
      'remove',
    ]);
  });

  it('never tell the departure of a unit whose arrival was not told', async () => {
    const { model } = await related();
    await model.settle();
    model.addUnit('etcd');
    model.removeUnit('etcd/1');
    expect(of('client/0', await model.settle())).toEqual([]);
  });

  it('list a relation in its broken hook, and not after it', async () => {
    const { model, relation } = await related();
    await model.settle();
    model.removeRelation(relation);
    expect(await inHook(model, 'client/0', 'etcd-relation-broken', (backend) => backend.relationIds('etcd'))).toEqual([
      'etcd:0',
    ]);
    model.fire('client/0', 'update-status');
    expect(await inHook(model, 'client/0', 'update-status', (backend) => backend.relationIds('etcd'))).toEqual([]);
    expect(model.relate('client:etcd', 'etcd:db')).toBe(1);
  });

  it('list ten units and relations in the order of strings', async () => {
    const { model } = await related({ etcd: 11 });
    await model.settle();
    model.fire('client/0', 'update-status');
    const units = await inHook(model, 'client/0', 'update-status', (backend) => backend.relationUnits('etcd:0'));
    expect(units.slice(0, 4)).toEqual(['etcd/0', 'etcd/1', 'etcd/10', 'etcd/2']);
  });
});

describe('the writes of a hook in a model in memory', () => {
  it('are seen by itself at once and by others when it has succeeded', async () => {
    const { model, relation } = await related();
    await model.settle();
    model.fire('client/0', 'update-status');
    await inHook(model, 'client/0', 'update-status', async (backend) => {
      await backend.writeDatabag('etcd:0', 'unit', { a: '1' });
      expect(await backend.readDatabag('etcd:0', 'client/0')).toEqual(new Map([['a', '1']]));
      expect(model.bag(relation, 'client/0').size).toBe(0);
    });
    expect(model.bag(relation, 'client/0')).toEqual(new Map([['a', '1']]));
    expect(await model.settle()).toEqual(['etcd/0 db-relation-changed']);
  });

  it('are thrown away when it fails, and it comes again', async () => {
    const { model, relation } = await related();
    await model.settle();
    model.fire('client/0', 'update-status');
    let tries = 0;
    const charm: Charm = async (backend) => {
      tries += 1;
      await backend.writeDatabag('etcd:0', 'unit', { [`try${String(tries)}`]: 'x' });
      await backend.writeState({ [`try${String(tries)}`]: 'x' });
      await backend.addSecret({ password: 'hunter2' }, { label: `try${String(tries)}` });
      if (tries === 1) throw new Error('first try');
    };
    await expect(model.run(charm)).rejects.toThrow('first try');
    expect(model.bag(relation, 'client/0').size).toBe(0);
    expect(model.secrets()).toEqual([]);
    await model.run(charm);
    expect(model.bag(relation, 'client/0')).toEqual(new Map([['try2', 'x']]));
    expect(model.state('client/0')).toEqual(new Map([['try2', 'x']]));
    expect(model.secrets().map((secret) => secret.label)).toEqual(['try2']);
  });

  it('to the application are the leader’s alone, until the hook has ended', async () => {
    const { model, relation } = await related({ client: 2 });
    await model.settle();
    model.fire('client/1', 'update-status');
    await inHook(model, 'client/1', 'update-status', async (backend) => {
      await expect(backend.writeDatabag('etcd:0', 'app', { a: '1' })).rejects.toMatchObject({ code: 'not-leader' });
      await expect(backend.readDatabag('etcd:0', 'client')).rejects.toMatchObject({ code: 'not-leader' });
      await expect(backend.addSecret({ key: 'x' })).rejects.toMatchObject({ code: 'not-leader' });
    });
    model.fire('client/0', 'update-status');
    await expect(
      model.run(async (backend) => {
        await backend.writeDatabag('etcd:0', 'app', { a: '1' });
        model.setLeader('client/1');
      }, 'client/0'),
    ).rejects.toMatchObject({ code: 'not-leader' });
    expect(model.bag(relation, 'client').size).toBe(0);
  });

  it('cannot be made after its end', async () => {
    const { model } = await related();
    let kept: JujuBackend | undefined;
    await model.run(async (backend) => {
      kept = backend;
    });
    await expect(kept?.writeState({ a: '1' })).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('the secrets of a model in memory', () => {
  it('are read where they are granted, at the tracked revision until they are refreshed', async () => {
    const { model } = await related();
    await model.settle();
    model.fire('client/0', 'update-status');
    const id = await inHook(model, 'client/0', 'update-status', async (backend) =>
      backend.addSecret({ password: 'one' }, { label: 'own' }),
    );
    const read = async (look: (backend: JujuBackend) => Promise<unknown>): Promise<unknown> => {
      model.fire('etcd/0', 'update-status');
      return inHook(model, 'etcd/0', 'update-status', look);
    };
    await read((backend) => expect(backend.readSecret({ id })).rejects.toMatchObject({ code: 'secret-denied' }));
    await read((backend) =>
      expect(backend.readSecret({ id: 'secret:none' })).rejects.toMatchObject({ code: 'secret-not-found' }),
    );

    model.fire('client/0', 'update-status');
    await inHook(model, 'client/0', 'update-status', (backend) => backend.grantSecret(id, 'etcd:0'));
    expect(await read((backend) => backend.readSecret({ id, label: 'mine' }))).toEqual(new Map([['password', 'one']]));

    model.fire('client/0', 'update-status');
    await inHook(model, 'client/0', 'update-status', async (backend) => {
      expect(await backend.secretInfo({ label: 'own' })).toMatchObject({ id, revision: 1, owner: 'application' });
      await backend.writeSecret(id, { password: 'two' });
      expect(await backend.readSecret({ id })).toEqual(new Map([['password', 'two']]));
    });
    const seen = await inHook(model, 'etcd/0', 'secret-changed', async (backend) => ({
      secret: backend.context.secret,
      tracked: await backend.readSecret({ label: 'mine' }),
      peeked: await backend.readSecret({ id }, 'peek'),
      still: await backend.readSecret({ id }),
      refreshed: await backend.readSecret({ id }, 'refresh'),
      now: await backend.readSecret({ id }),
    }));
    const [one, two] = [new Map([['password', 'one']]), new Map([['password', 'two']])];
    expect(seen).toEqual({
      secret: { id, label: 'mine', revision: undefined },
      ...{ tracked: one, peeked: two, still: one, refreshed: two, now: two },
    });
    await read((backend) =>
      expect(backend.writeSecret(id, { key: 'x' })).rejects.toMatchObject({ code: 'secret-denied' }),
    );
  });

  it('refuse content that Juju would not take, without naming it', async () => {
    const { model } = await related();
    await model.run(async (backend) => {
      const refused = { code: 'invalid-argument', message: expect.not.stringContaining('hunter2') as string };
      await expect(backend.addSecret({ Pw: 'hunter2' })).rejects.toMatchObject(refused);
      await expect(backend.addSecret({ password: '' })).rejects.toMatchObject(refused);
      await expect(backend.addSecret({})).rejects.toMatchObject(refused);
      await expect(backend.writeState({ big: 'hunter2'.repeat(10_000) })).rejects.toMatchObject(refused);
    });
  });
});
