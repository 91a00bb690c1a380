/** What both backends promise, tool by tool: one suite over the model in memory and over spawned hook tools. */
import { expect, it } from 'vitest';
import { JujuModel, type Charm, type JujuBackend } from '../../src/main/relation/index.js';
import { describeBackends } from './fake-tools/backend-kinds.js';

async function related(
  units: { client?: number; etcd?: number } = {},
): Promise<{ model: JujuModel; relation: number }> {
  const model = new JujuModel({ publishAddresses: false, firstRelation: 3 });
  model.deploy('client', { units: units.client ?? 1, config: { port: 2379, name: 'x', tls: true, none: null } });
  model.deploy('etcd', { units: units.etcd ?? 1 });
  const relation = model.relate('client:etcd', 'etcd:db');
  await model.settle();
  return { model, relation };
}

describeBackends((kind) => {
  /** Runs code in an update-status hook of a unit. */
  const inHook = async (model: JujuModel, unit: string, charm: Charm): Promise<void> => {
    model.fire(unit, 'update-status');
    await model.run(kind.charm(charm), unit);
  };

  it('tells relations, units, application and model', async () => {
    const { model } = await related({ etcd: 11 });
    await inHook(model, 'client/0', async (backend) => {
      expect(await backend.relationIds('etcd')).toEqual(['etcd:3']);
      expect(await backend.relationIds('other')).toEqual([]);
      expect((await backend.relationUnits('etcd:3')).slice(0, 4)).toEqual(['etcd/0', 'etcd/1', 'etcd/10', 'etcd/2']);
      expect(await backend.relationApp('etcd:3')).toBe('etcd');
      expect(await backend.relationModel('etcd:3')).toMatch(/^[0-9a-f-]{36}$/u);
      for (const id of ['etcd:9', 'other:3', 'nonsense', '-r'])
        await expect(backend.relationUnits(id)).rejects.toMatchObject({ code: 'relation-not-found' });
    });
  });

  it('reads and writes databags', async () => {
    const { model, relation } = await related();
    const text = 'a<b>&c "quoted" \\ \n\t\u0001\u007f\u0085\ufeff\u2028 ü \u{1f600} {x: y}';
    await inHook(model, 'client/0', async (backend) => {
      await backend.writeDatabag('etcd:3', 'unit', { text, 'odd key: #': '1', gone: '', nothing: null });
      expect(await backend.readDatabag('etcd:3', 'client/0')).toEqual(
        new Map([
          ['text', text],
          ['odd key: #', '1'],
        ]),
      );
      await backend.writeDatabag('etcd:3', 'unit', { 'odd key: #': '' });
      expect(await backend.readDatabag('etcd:3', 'client/0')).toEqual(new Map([['text', text]]));
      expect(await backend.readDatabag('etcd:3', 'etcd/0')).toEqual(new Map());
      expect(await backend.readDatabag('etcd:3', 'etcd')).toEqual(new Map());
      for (const member of ['etcd/9', 'other/0', 'other', '--app', ''])
        await expect(backend.readDatabag('etcd:3', member)).rejects.toMatchObject({ code: 'relation-not-found' });
    });
    expect(model.bag(relation, 'client/0').get('text')).toBe(text);
  });

  it('takes values of more than 128 KiB', async () => {
    const { model, relation } = await related();
    const large = 'x'.repeat(300_000);
    await inHook(model, 'client/0', (backend) => backend.writeDatabag('etcd:3', 'unit', { large }));
    expect(model.bag(relation, 'client/0').get('large')).toHaveLength(300_000);
    await inHook(model, 'etcd/0', async (backend) => {
      expect((await backend.readDatabag('db:3', 'client/0')).get('large')).toBe(large);
    });
  });

  it('leaves an application’s databag to its leader', async () => {
    const { model, relation } = await related({ client: 2 });
    await inHook(model, 'client/1', async (backend) => {
      expect(await backend.isLeader()).toBe(false);
      const refused: (() => Promise<unknown>)[] = [
        () => backend.writeDatabag('etcd:3', 'app', { a: '1' }),
        () => backend.readDatabag('etcd:3', 'client'),
        () => backend.addSecret({ password: 'hunter2' }),
        () => backend.setStatus('active', '', { application: true }),
      ];
      for (const call of refused) await expect(call()).rejects.toMatchObject({ code: 'not-leader' });
    });
    await inHook(model, 'client/0', async (backend) => {
      expect(await backend.isLeader()).toBe(true);
      await backend.writeDatabag('etcd:3', 'app', { a: '1' });
      expect(await backend.readDatabag('etcd:3', 'client')).toEqual(new Map([['a', '1']]));
      await backend.setStatus('active', 'ready', { application: true });
    });
    expect(model.bag(relation, 'client')).toEqual(new Map([['a', '1']]));
    expect(model.application('client').status).toEqual({ status: 'active', message: 'ready' });
  });

  it('writes nothing when leadership is lost while the hook runs', async () => {
    const { model, relation } = await related({ client: 2 });
    const losing: Charm = async (backend) => {
      await backend.writeDatabag('etcd:3', 'app', { a: '1' });
      model.setLeader('client/1');
      await backend.writeDatabag('etcd:3', 'unit', { b: '1' });
    };
    await expect(inHook(model, 'client/0', losing)).rejects.toMatchObject({ code: 'not-leader' });
    expect(model.bag(relation, 'client').size + model.bag(relation, 'client/0').size).toBe(0);
  });

  it('knows config, status, version, log and network', async () => {
    const { model } = await related();
    await inHook(model, 'client/0', async (backend) => {
      expect(Object.fromEntries(await backend.config())).toEqual({ port: 2379, name: 'x', tls: true, none: null });
      await backend.setStatus('blocked', '--file is missing');
      await backend.setApplicationVersion('3.5.18');
      await backend.log('WARNING', '-l is no option here');
      const own = { bindAddresses: ['10.0.0.1'], ingressAddresses: ['10.0.0.1'], egressSubnets: ['10.0.0.1/32'] };
      expect(await backend.networkInfo('etcd')).toEqual(own);
      expect(await backend.networkInfo('etcd', 'etcd:3')).toEqual(own);
    });
    expect(model.unit('client/0')).toMatchObject({
      status: { status: 'blocked', message: '--file is missing' },
      log: [{ level: 'WARNING', message: '-l is no option here' }],
    });
    expect(model.application('client').version).toBe('3.5.18');
  });

  it('knows where the units of its own application are, by peer endpoint', async () => {
    const { model } = await related({ client: 2 });
    const seen = new Map<string, Record<string, string>>();
    const look: Charm = async (backend) => {
      seen.set(backend.context.unit, Object.fromEntries(await backend.peerAddresses('cluster')));
    };
    await inHook(model, 'client/1', look);
    // Not yet related to its peers: itself.
    expect(seen.get('client/1')).toEqual({ 'client/1': '10.0.0.2' });
    const peers = model.relate('client:cluster', 'client:cluster');
    model.addUnit('client');
    await model.settle();
    model.publish(peers, 'client/0', { 'private-address': '10.9.9.9' });
    model.publish(peers, 'client/2', { 'private-address': '10.8.8.8', 'ingress-address': '10.0.0.3' });
    await model.settle();
    for (const unit of ['client/0', 'client/1']) await inHook(model, unit, look);
    expect(seen.get('client/1')).toEqual({ 'client/0': '10.9.9.9', 'client/1': '10.0.0.2', 'client/2': '10.0.0.3' });
    // What a unit has not published is left out.
    expect(Object.keys(seen.get('client/0') ?? {})).toEqual(['client/0', 'client/2']);
    // In its own last hooks it is no member any more, and for the others it is gone.
    model.removeUnit('client/2');
    for (;;) {
      const context = await model.run(kind.charm(look));
      if (context === undefined) break;
      if (context.unit === 'client/2' && context.hook === 'cluster-relation-departed')
        expect(Object.keys(seen.get('client/2') ?? {})).not.toContain('client/2');
    }
    await inHook(model, 'client/1', look);
    expect(Object.keys(seen.get('client/1') ?? {})).toEqual(['client/0', 'client/1']);
  });

  it('reads the leader settings in every unit, and is told when they change', async () => {
    const { model } = await related({ client: 2 });
    const read: Charm = async (backend) => {
      expect(Object.fromEntries(await backend.readLeaderSettings())).toEqual(expected);
    };
    let expected: Record<string, string> = {};
    await inHook(model, 'client/1', read);
    model.setLeaderSettings('client', { client_certificate: 'CERT', client_key: 'KEY <&>', gone: '1' });
    model.setLeaderSettings('client', { gone: null });
    model.setLeaderSettings('client', { client_certificate: 'CERT' });
    expected = { client_certificate: 'CERT', client_key: 'KEY <&>' };
    const hooks = await model.settle({ client: kind.charm(read) });
    expect(hooks).toEqual(['client/1 leader-settings-changed', 'client/1 leader-settings-changed']);
    await inHook(model, 'client/0', read);
  });

  it('cuts a message that is too long for the log', async () => {
    const { model } = await related();
    await inHook(model, 'client/0', (backend) => backend.log('INFO', 'long '.repeat(1_000)));
    expect(model.unit('client/0').log[0]?.message).toHaveLength(5_000);
  });

  it('keeps state from hook to hook', async () => {
    const { model } = await related();
    await inHook(model, 'client/0', async (backend) => {
      expect(await backend.readState()).toEqual(new Map());
      await backend.writeState({ a: '1', b: 'x: {y}', c: '3' });
    });
    await inHook(model, 'client/0', async (backend) => {
      await backend.writeState({ a: null, c: '4' });
      expect(await backend.readState()).toEqual(
        new Map([
          ['b', 'x: {y}'],
          ['c', '4'],
        ]),
      );
      await expect(backend.writeState({ ['k'.repeat(257)]: '1' })).rejects.toMatchObject({ code: 'invalid-argument' });
    });
  });

  it('makes, shares, changes, revokes and removes secrets', async () => {
    const { model } = await related();
    let id = '';
    await inHook(model, 'client/0', async (backend) => {
      id = await backend.addSecret({ 'mtls-cert': 'one\n', key2: 'x=y' }, { label: 'etcd.3.mtls.secret' });
      expect(await backend.secretInfo({ id })).toEqual({
        id,
        revision: 1,
        label: 'etcd.3.mtls.secret',
        owner: 'application',
      });
      expect(await backend.secretInfo({ label: 'none' })).toBeUndefined();
      expect(await backend.secretIds()).toEqual([id]);
      expect(await backend.readSecret({ label: 'etcd.3.mtls.secret' })).toEqual(
        new Map([
          ['mtls-cert', 'one\n'],
          ['key2', 'x=y'],
        ]),
      );
      await expect(backend.readSecret({ id }, 'refresh')).rejects.toBeDefined();
    });
    const denied = async (backend: JujuBackend): Promise<void> =>
      expect(backend.readSecret({ id })).rejects.toMatchObject({ code: 'secret-denied' });
    await inHook(model, 'etcd/0', denied);
    await inHook(model, 'client/0', (backend) => backend.grantSecret(id, 'etcd:3'));
    await inHook(model, 'etcd/0', async (backend) => {
      expect((await backend.readSecret({ id, label: 'theirs' })).get('mtls-cert')).toBe('one\n');
      expect(await backend.secretInfo({ id })).toBeUndefined();
      await expect(backend.writeSecret(id, { key: 'x' })).rejects.toMatchObject({ code: 'secret-denied' });
      await expect(backend.readSecret({ id: 'secret:cs0' })).rejects.toMatchObject({ code: 'secret-not-found' });
    });
    await inHook(model, 'client/0', (backend) => backend.writeSecret(id, { 'mtls-cert': 'two\n' }));
    expect(model.pending).toMatchObject([{ unit: 'etcd/0', hook: 'secret-changed' }]);
    await model.run(
      kind.charm(async (backend) => {
        expect(backend.context.secret).toEqual({ id, label: 'theirs', revision: undefined });
        expect((await backend.readSecret({ id })).get('mtls-cert')).toBe('one\n');
        expect((await backend.readSecret({ id }, 'peek')).get('mtls-cert')).toBe('two\n');
        expect((await backend.readSecret({ id }, 'refresh')).get('mtls-cert')).toBe('two\n');
      }),
    );
    await inHook(model, 'client/0', (backend) => backend.revokeSecret(id, 'etcd:3'));
    await inHook(model, 'etcd/0', denied);
    await inHook(model, 'client/0', async (backend) => {
      await backend.removeSecret(id);
      await expect(backend.writeSecret(id, { key: 'x' })).rejects.toMatchObject({ code: 'secret-not-found' });
    });
    expect(model.secrets()).toEqual([]);
  });

  it('tells which hook it is', async () => {
    const { model } = await related();
    model.removeUnit('etcd/0');
    let seen: unknown;
    await model.run(
      kind.charm(async (backend) => {
        seen = {
          ...backend.context.relation,
          hook: backend.context.hook,
          unit: backend.context.unit,
          app: backend.context.app,
        };
      }),
      'client/0',
    );
    expect(seen).toEqual({
      ...{ hook: 'etcd-relation-departed', unit: 'client/0', app: 'client' },
      ...{ phase: 'departed', endpoint: 'etcd', relationId: 'etcd:3' },
      ...{ remoteUnit: 'etcd/0', remoteApp: 'etcd', departingUnit: 'etcd/0' },
    });
  });
});
