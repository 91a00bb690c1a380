/** The requiring side of `etcd` in every case in which Python's went wrong or could: one suite over both backends. */
import { expect, it } from 'vitest';
import { EtcdRequires, JujuModel, type Charm, type EtcdRequiresEvent } from '../../src/main/relation/index.js';
import { describeBackends } from './fake-tools/backend-kinds.js';

const TLS = { client_cert: 'C', client_key: 'K', client_ca: 'A' };
const NO_TLS = { client_cert: null, client_key: null, client_ca: null };

/** What a charm sees of the endpoint in one hook. */
interface Seen {
  readonly hook: string;
  /** Without the endpoint's name. */
  readonly flags: readonly string[];
  readonly string: string | null;
  readonly version: string | null;
  readonly tls: object;
  readonly events: readonly EtcdRequiresEvent['type'][];
  readonly relations: readonly string[];
}

describeBackends((kind) => {
  class World {
    readonly model = new JujuModel({ publishAddresses: true });
    readonly relation: number;

    constructor(providers: Readonly<Record<string, number>> = { etcd: 1 }) {
      this.model.deploy('client');
      for (const [name, units] of Object.entries(providers)) this.model.deploy(name, { units });
      this.relation = this.model.relate('client:etcd', `${Object.keys(providers)[0] ?? ''}:db`);
    }

    publish(unit: string, settings: Record<string, string>, relation: number = this.relation): void {
      this.model.publish(relation, unit, settings);
    }

    /** Runs every hook that waits, the last of the client's over this kind of backend; a view is what it saw. */
    async look(hook?: string): Promise<Seen> {
      if (hook === undefined) this.model.fire('client/0', 'update-status');
      let seen: Seen | undefined;
      const look: Charm = async (backend) => {
        const etcd = await EtcdRequires.load(backend, 'etcd');
        seen = {
          hook: backend.context.hook,
          flags: [...etcd.flags].map((flag) => flag.slice('etcd.'.length)),
          string: etcd.getConnectionString(),
          version: etcd.getVersion(),
          tls: etcd.getClientCredentials(),
          events: etcd.events.map(({ type }) => type),
          relations: etcd.relations().map(({ relationId }) => relationId),
        };
        await etcd.commit();
      };
      const wanted = hook ?? 'update-status';
      while (seen?.hook !== wanted) {
        const next = this.model.pending.find((event) => event.unit === 'client/0');
        if (next === undefined) throw new Error(`client/0 has no hook ${wanted}`);
        // Every hook reads; only the one that is looked at pays for processes.
        await this.model.run(next.hook === wanted ? kind.charm(look) : look, 'client/0');
      }
      return seen;
    }
  }

  it('goes from connected to available to tls.available as data comes, and back as it is retracted', async () => {
    const world = new World();
    expect(await world.look('etcd-relation-created')).toMatchObject({ flags: [], string: null, relations: ['etcd:0'] });
    expect(await world.look('etcd-relation-joined')).toMatchObject({ flags: ['connected'], events: ['connected'] });
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379', version: '3.5.18' });
    expect(await world.look()).toMatchObject({
      ...{ flags: ['connected', 'available'], string: 'https://10.0.0.1:2379', version: '3.5.18', tls: NO_TLS },
    });
    world.publish('etcd/0', TLS);
    expect(await world.look()).toMatchObject({ flags: ['connected', 'available', 'tls.available'], tls: TLS });
    world.publish('etcd/0', { client_key: '' });
    expect(await world.look('etcd-relation-changed')).toMatchObject({
      ...{ flags: ['connected', 'available'], tls: NO_TLS, events: ['tlsUnavailable'] },
    });
    world.publish('etcd/0', { connection_string: '' });
    expect(await world.look('etcd-relation-changed')).toMatchObject({
      ...{ flags: ['connected'], string: null, version: null, events: ['unavailable'] },
    });
  });

  it('is no longer available when the last unit has departed, and stays connected until the relation is broken', async () => {
    const world = new World();
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379', ...TLS });
    await world.look();
    world.model.removeUnit('etcd/0');
    expect(await world.look('etcd-relation-departed')).toMatchObject({
      flags: ['connected'],
      string: null,
      tls: NO_TLS,
    });
    expect(await world.look()).toMatchObject({ flags: ['connected'] });
    world.model.removeRelation(world.relation);
    expect(await world.look('etcd-relation-broken')).toMatchObject({
      flags: [],
      events: ['disconnected'],
      relations: [],
    });
    expect(await world.look()).toMatchObject({ flags: [], relations: [] });
  });

  it('uses another relation when one of two is broken', async () => {
    const world = new World({ etcd: 1, other: 1 });
    const second = world.model.relate('client:etcd', 'other:db');
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379', ...TLS });
    world.publish('other/0', { connection_string: 'https://10.9.9.9:2379', version: '3.6.4' }, second);
    expect(await world.look()).toMatchObject({
      string: 'https://10.0.0.1:2379',
      version: null,
      relations: ['etcd:0', 'etcd:1'],
    });
    world.model.removeRelation(world.relation);
    expect(await world.look('etcd-relation-broken')).toMatchObject({
      ...{ flags: ['connected', 'available'], string: 'https://10.9.9.9:2379', version: '3.6.4', tls: NO_TLS },
    });
  });

  it('begins anew when it is related again under another id', async () => {
    const world = new World();
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379' });
    await world.look();
    world.model.removeRelation(world.relation);
    await world.look('etcd-relation-broken');
    const again = world.model.relate('client:etcd', 'etcd:db');
    expect(await world.look('etcd-relation-created')).toMatchObject({
      flags: [],
      relations: [`etcd:${String(again)}`],
    });
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379' }, again);
    expect(await world.look('etcd-relation-joined')).toMatchObject({
      events: ['connected', 'available', 'endpointsChanged'],
    });
  });

  it('is not connected by application data alone', async () => {
    const world = new World({ etcd: 0 });
    world.publish('etcd', { anything: '1' });
    expect(await world.look('etcd-relation-changed')).toMatchObject({ flags: [], relations: ['etcd:0'] });
  });

  it('takes everything from one unit, in Juju’s order', async () => {
    const world = new World({ etcd: 11 });
    for (const number of [0, 3, 4, 5, 6, 7, 8, 9]) world.model.removeUnit(`etcd/${String(number)}`);
    world.publish('etcd/2', { connection_string: 'https://two:2379', version: '3.5.2', ...TLS });
    world.publish('etcd/10', { connection_string: 'https://ten:2379', client_cert: 'C10', client_ca: 'A10' });
    expect(await world.look()).toMatchObject({
      // etcd/10 before etcd/2; its key is missing, so the whole bundle is the other's.
      ...{ string: 'https://ten:2379', version: null, tls: TLS },
    });
    world.publish('etcd/10', { client_key: 'K10' });
    expect(await world.look()).toMatchObject({ tls: { client_cert: 'C10', client_key: 'K10', client_ca: 'A10' } });
    world.publish('etcd/1', { connection_string: 'https://one:2379' });
    expect(await world.look()).toMatchObject({ string: 'https://one:2379', tls: { client_key: 'K10' } });
  });

  it('reads what is there also in the hooks in which its own unit goes', async () => {
    const world = new World({ etcd: 2 });
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379', ...TLS });
    world.publish('etcd/1', { connection_string: 'https://10.0.0.2:2379', ...TLS });
    await world.look();
    world.model.removeUnit('client/0');
    // Each of the others departs from it, one after another, and then the relation is broken.
    expect(await world.look('etcd-relation-departed')).toMatchObject({ string: 'https://10.0.0.2:2379', tls: TLS });
    expect(await world.look('etcd-relation-departed')).toMatchObject({ flags: ['connected'], string: null });
    expect(await world.look('etcd-relation-broken')).toMatchObject({ flags: [], relations: [] });
  });

  it('is not complete for the engine while a part of the credentials is missing', async () => {
    const world = new World();
    const complete = async (settings: Record<string, string>): Promise<boolean | undefined> => {
      world.publish('etcd/0', settings);
      let found: boolean | undefined;
      await world.look();
      world.model.fire('client/0', 'update-status');
      const charm: Charm = async (backend) => {
        found = (await EtcdRequires.load(backend, 'etcd')).connection()?.isComplete;
      };
      await world.model.run(kind.charm(charm), 'client/0');
      return found;
    };
    expect(await complete({ client_cert: 'C' })).toBeUndefined();
    expect(await complete({ connection_string: 'https://10.0.0.1:2379' })).toBe(false);
    expect(await complete(TLS)).toBe(true);
    expect(await complete({ client_key: '' })).toBe(false);
    expect(await complete({ client_cert: '', client_ca: '' })).toBe(true);
    expect(await complete({ connection_string: 'http://10.0.0.1:2379', client_cert: 'C' })).toBe(true);
  });

  it('goes on in the next hook when one process lives through several', async () => {
    const world = new World();
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379' });
    await world.look();
    let etcd: EtcdRequires | undefined;
    const told: (readonly string[] | undefined)[] = [];
    const charm: Charm = async (backend) => {
      if (etcd === undefined) {
        etcd = await EtcdRequires.load(backend, 'etcd');
        etcd.onConnection((connection) => told.push(connection?.endpoints));
      } else await etcd.refresh(backend);
      await etcd.commit();
    };
    const hook = async (): Promise<void> => {
      world.model.fire('client/0', 'update-status');
      let context;
      do context = await world.model.run(kind.charm(charm), 'client/0');
      while (context?.hook !== 'update-status');
    };
    await hook();
    world.publish('etcd/0', { connection_string: 'https://10.0.0.2:2379' });
    await hook();
    await hook();
    world.publish('etcd/0', { connection_string: '' });
    await hook();
    expect(told).toEqual([['https://10.0.0.2:2379'], undefined]);
  });

  it('takes credentials never from another relation', async () => {
    const world = new World({ etcd: 1, other: 1 });
    const second = world.model.relate('client:etcd', 'other:db');
    world.publish('etcd/0', { connection_string: 'https://10.0.0.1:2379' });
    world.publish('other/0', { connection_string: 'https://10.9.9.9:2379', ...TLS }, second);
    expect(await world.look()).toMatchObject({ flags: ['connected', 'available'], tls: NO_TLS });
  });

  it('tells what changed, and the order of endpoints is no change', async () => {
    const world = new World();
    world.publish('etcd/0', { connection_string: 'https://a:2379,https://b:2379', version: '3.5.1', ...TLS });
    expect((await world.look('etcd-relation-joined')).events).toEqual([
      ...['connected', 'available', 'tlsAvailable', 'endpointsChanged', 'versionChanged', 'credentialsChanged'],
    ]);
    world.publish('etcd/0', { connection_string: ' https://b:2379, https://a:2379,' });
    expect((await world.look()).events).toEqual([]);
    world.publish('etcd/0', { connection_string: 'https://b:2379' });
    expect((await world.look('etcd-relation-changed')).events).toEqual(['endpointsChanged']);
    world.publish('etcd/0', { version: '' });
    expect((await world.look('etcd-relation-changed')).events).toEqual(['versionChanged']);
    world.publish('etcd/0', { client_key: 'K2', client_cert: 'C2' });
    expect((await world.look('etcd-relation-changed')).events).toEqual(['credentialsChanged']);
    expect((await world.look()).events).toEqual([]);
  });

  it('tells it again when the hook failed', async () => {
    const world = new World();
    await world.look('etcd-relation-changed');
    world.publish('etcd/0', { connection_string: 'https://a:2379' });
    const seen: string[][] = [];
    const failingOnce: Charm = async (backend) => {
      const etcd = await EtcdRequires.load(backend, 'etcd');
      seen.push(etcd.events.map(({ type }) => type));
      await etcd.commit();
      if (seen.length === 1) throw new Error('once');
    };
    await expect(world.model.run(kind.charm(failingOnce), 'client/0')).rejects.toThrow('once');
    await world.model.run(kind.charm(failingOnce), 'client/0');
    expect(seen).toEqual([
      ['available', 'endpointsChanged'],
      ['available', 'endpointsChanged'],
    ]);
  });

  it('answers for one relation when asked, and as the engine needs it', async () => {
    const world = new World({ etcd: 1, other: 1 });
    const second = world.model.relate('client:etcd', 'other:db');
    world.publish('etcd/0', { connection_string: 'https://[2001:db8::1]:2379, https://b:2379,,' });
    world.publish('other/0', { connection_string: 'https://c:2379', version: '3.6.4', ...TLS }, second);
    await world.look();
    world.model.fire('client/0', 'update-status');
    await world.model.run(
      kind.charm(async (backend) => {
        const etcd = await EtcdRequires.load(backend, 'etcd');
        const other = { relationId: 'etcd:1' };
        expect(etcd.connection()).toEqual({
          endpoints: ['https://[2001:db8::1]:2379', 'https://b:2379'],
          ...{ version: undefined, tls: undefined, isComplete: true, username: undefined },
          source: { protocol: 'etcd', relationId: 'etcd:0', member: 'etcd/0' },
        });
        expect(etcd.connection(other)).toMatchObject({ tls: { ca: 'A', cert: 'C', key: 'K' }, version: '3.6.4' });
        expect(etcd.getConnectionString(other)).toBe('https://c:2379');
        expect(etcd.getVersion(other)).toBe('3.6.4');
        expect(etcd.getClientCredentials(other)).toEqual(TLS);
        expect(etcd.getConnectionString({ relationId: 'etcd:7' })).toBeNull();
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- the old name must work
        expect(etcd.connectionString()).toBe(etcd.getConnectionString());
      }),
      'client/0',
    );
  });
});
