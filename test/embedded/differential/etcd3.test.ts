/**
 * npm etcd3 1.1.2 over its public API, against the embedded server and a real etcd: each step's result or error is equal. Without
 * ids, terms, sizes and hashes. (Its `hashKV` fails by itself: it calls a method that its client does not have.)
 */
import { Etcd3, Range, type Watcher } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { EtcdProcess } from '../../support/etcd.js';
import { eventually } from '../../support/poll.js';
import { startEmbedded } from './embedded-server.js';

const OWN =
  /^(cluster_id|member_id|raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|hash|leader|ID|token|lease|peerURLs|clientURLs|blob|remaining_bytes|name)$/;

type Step = (client: Etcd3) => unknown;

/** Texts of bytes, `(name)` for what each server draws; classes of the package by what they hold. */
function plain(value: unknown, name = ''): unknown {
  if (value !== undefined && value !== null && OWN.test(name)) return `(${name})`;
  // The server's, not that of a key.
  if (name === 'version' && /^\d+\.\d+\.\d+$/.test(String(value))) return '(version)';
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('latin1')}`;
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, key)]));
}

const named = (items: readonly { name: string }[]): string[] => items.map(({ name }) => name);

/** What a watcher saw until it had so many events. */
async function seen(watcher: Watcher, count: number, act: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  watcher.on('put', (kv, before) => {
    lines.push(`put ${String(kv.key)}=${String(kv.value)}@${kv.mod_revision} ${String(before?.value)}`);
  });
  watcher.on('delete', (kv, before) => {
    lines.push(`delete ${String(kv.key)}@${kv.mod_revision} ${String(before?.value)}`);
  });
  await act();
  await eventually(() => lines.length >= count);
  await watcher.cancel();
  return lines;
}

const steps: readonly (readonly [string, Step])[] = [
  ['put', (c) => c.put('a').value('1')],
  ['put a number', (c) => c.put('n').value(42).exec()],
  ['put bytes', (c) => c.put(Buffer.from('b')).value(Buffer.from([1, 2, 255]))],
  ['put with the value before', (c) => c.put('a').value('2').getPrevious()],
  ['touch', (c) => c.put('a').touch()],
  ['ignore lease', (c) => c.put('a').value('3').ignoreLease()],
  ['get', (c) => c.get('a')],
  ['get a string', (c) => c.get('a').string()],
  ['get a number', (c) => c.get('n').number()],
  ['get bytes', (c) => c.get('b').buffer()],
  ['get json', (c) => c.get('n').json()],
  ['get nothing', (c) => c.get('none')],
  ['exists', async (c) => [await c.get('a').exists(), await c.get('none').exists()]],
  ['get, all of the answer', (c) => c.get('a').exec()],
  ['get of an old revision', (c) => c.get('a').revision(2).string()],
  ['get of a future revision', (c) => c.get('a').revision(999).string()],
  ['get serializable with bounds', (c) => c.get('a').serializable(true).minModRevision(99).exec()],
  ['get all strings', (c) => c.getAll().strings()],
  ['get all numbers', (c) => c.getAll().prefix('n').numbers()],
  ['get all buffers', (c) => c.getAll().all().buffers()],
  ['get all json', (c) => c.getAll().prefix('n').json()],
  ['get all keys', (c) => c.getAll().keys()],
  ['get all key buffers', (c) => c.getAll().keyBuffers()],
  ['count', (c) => c.getAll().prefix('a').count()],
  ['limit and sort', (c) => c.getAll().limit(2).sort('Mod', 'Descend').exec()],
  ['in range', (c) => c.getAll().inRange(new Range('a', 'c')).strings()],
  ['if, then', (c) => c.if('a', 'Value', '==', '3').then(c.put('t').value('yes')).else(c.get('t')).commit()],
  ['if, else', (c) => c.if('a', 'Version', '>', 99).then(c.put('t').value('no')).else(c.get('t')).commit()],
  ['if and', (c) => c.if('a', 'Create', '>', 0).and('t', 'Mod', '!=', 0).and('a', 'Lease', '==', 0).commit()],
  [
    'two puts of a key',
    (c) => c.if('a', 'Version', '>', 0).then(c.put('d').value('1'), c.put('d').value('2')).commit(),
  ],
  ['delete with the values before', (c) => c.delete().key('t').getPrevious()],
  ['delete by prefix', (c) => c.delete().prefix('none').exec()],
  ['delete a range', (c) => c.delete().range(new Range('x', 'y'))],
  ['namespace', (c) => c.namespace('ns/').put('k').value('v')],
  ['namespace, read', async (c) => [await c.namespace('ns/').getAll().strings(), await c.get('ns/k')]],
  ['stm', (c) => c.stm().transact(async (tx) => tx.put('s').value(String(await tx.get('a'))))],
  ['stm, serializable', (c) => c.stm({ isolation: 1 }).transact(async (tx) => tx.delete().key('s'))],
  [
    'watch a key',
    async (c) =>
      seen(await c.watch().key('w').withPreviousKV().create(), 3, async () => {
        await c.put('w').value('1');
        await c.put('w').value('2');
        await c.delete().key('w');
      }),
  ],
  [
    'watch a prefix, deletes only',
    async (c) =>
      seen(await c.watch().prefix('w').only('delete').create(), 1, async () => {
        await c.put('w2').value('1');
        await c.delete().key('w2');
      }),
  ],
  ['watch from the past', async (c) => seen(await c.watch().inRange(new Range('a', 'b')).startRevision('2').create(), 4, async () => undefined)], // prettier-ignore
  [
    'lease',
    async (c) => {
      const lease = c.lease(100);
      await lease.put('leased').value('v');
      const renewed = await lease.keepaliveOnce();
      const before = await c.get('leased');
      await lease.revoke();
      return [before, renewed.TTL, lease.revoked(), await c.get('leased')];
    },
  ],
  ['put on no lease', (c) => c.put('x').value('y').lease('12345')],
  [
    'lock',
    async (c) => {
      const lock = c.lock('l');
      await lock.acquire();
      const second = await c
        .lock('l')
        .acquire()
        .catch((error: unknown) => (error instanceof Error ? error.name : error));
      await lock.release();
      return [second, await c.lock('l').do(async () => c.getAll().prefix('l').count())];
    },
  ],
  [
    'election',
    async (c) => {
      const election = c.election('e', 20);
      const campaign = election.campaign('one');
      await campaign.wait();
      const observer = await election.observe();
      const first = [await election.leader(), observer.leader()];
      await campaign.proclaim('two');
      const second = await eventually(() => (observer.leader() === 'two' ? 'two' : undefined));
      await campaign.resign();
      await observer.cancel();
      return [first, second];
    },
  ],
  ['status', (c) => c.maintenance.status()],
  ['alarms', (c) => c.maintenance.alarm({ action: 0, memberID: 0, alarm: 0 })],
  ['defragment', (c) => c.maintenance.defragment()],
  ['hash', (c) => c.maintenance.hash()],
  ['hash of keys', (c) => c.maintenance.hashKV({ revision: 0 })],
  ['move leader', (c) => c.maintenance.moveLeader({ targetID: '5' })],
  ['member list', (c) => c.cluster.memberList({ linearizable: true })],
  ['member remove', (c) => c.cluster.memberRemove({ ID: '5' })],
  ['member update', (c) => c.cluster.memberUpdate({ ID: '5', peerURLs: ['http://127.0.0.1:1'] })],
  ['member promote', (c) => c.cluster.memberPromote({ ID: '5' })],
  ['role', async (c) => (await c.role('r').create()).name],
  ['role twice', (c) => c.role('r').create()],
  ['grant', async (c) => (await c.role('r').grant({ permission: 'Readwrite', range: new Range('p', 'q') })).name],
  ['permissions', (c) => c.role('r').permissions()],
  ['user', async (c) => (await c.user('u').create('secret')).name],
  ['user twice', (c) => c.user('u').create('secret')],
  ['add role', async (c) => (await c.user('u').addRole('r')).name],
  ['roles of a user', async (c) => named(await c.user('u').roles())],
  ['roles', async (c) => named(await c.getRoles())],
  ['users', async (c) => named(await c.getUsers())],
  ['password', async (c) => (await c.user('u').setPassword('other')).name],
  ['remove role', async (c) => (await c.user('u').removeRole('r')).name],
  ['remove a role again', (c) => c.user('u').removeRole('r')],
  ['revoke', async (c) => (await c.role('r').revoke({ permission: 'Readwrite', range: new Range('p', 'q') })).name],
  ['role, add and remove a user', async (c) => (await (await c.role('r').addUser('u')).removeUser('u')).name],
  ['enable without root', (c) => c.auth.authEnable()],
  [
    'with authentication',
    async (c) => {
      await c.user('root').create('pw');
      await c.role('root').create();
      await c.user('root').addRole('root');
      await c.auth.authEnable();
      const refused = await c
        .get('a')
        .string()
        .catch((error: unknown) => (error instanceof Error ? `${error.name} ${error.message}` : error));
      const [hosts = ''] = (c as unknown as { options: { hosts: string[] } }).options.hosts; // what it was made with
      const root = new Etcd3({ hosts, auth: { username: 'root', password: 'pw' } });
      const read = await root.get('a').string();
      await root.auth.authDisable();
      root.close();
      return [refused, read];
    },
  ],
  ['delete a user', async (c) => (await c.user('u').delete()).name],
  ['delete a role', async (c) => (await c.role('r').delete()).name],
  ['delete all', (c) => c.delete().all().exec()],
];

async function run(endpoint: string): Promise<unknown[]> {
  const client = new Etcd3({ hosts: [endpoint] });
  const results: unknown[] = [];
  try {
    for (const [name, step] of steps) {
      try {
        results.push([name, plain(await step(client))]);
      } catch (error) {
        results.push([name, error instanceof Error ? `${error.name}: ${error.message}` : error]);
      }
    }
  } finally {
    client.close();
  }
  return results;
}

describe('npm etcd3', () => {
  it('has the same results on the embedded server as on etcd', async () => {
    await using etcd = await EtcdProcess.start({ flags: ['--bcrypt-cost=4'] });
    const real = await run(etcd.endpoint);
    const embedded = await startEmbedded();
    try {
      const mine = await run(embedded.endpoint);
      for (const [at, result] of real.entries()) expect.soft(mine[at]).toEqual(result);
      expect(mine).toHaveLength(steps.length);
    } finally {
      await embedded.close();
    }
  });
});
