/** The engine logs in to the embedded server: its tokens are dropped and outdated on demand, while everything runs. */
import { describe, expect, it } from 'vitest';
import { connect, type ConnectOptions, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit } from 'etcd-vigil/testing';
import { AuthAdmin } from '../support/auth-admin.js';
import { eventually } from '../support/poll.js';

const APP = { name: 'app', password: 'plain-secret-1', prefixes: ['app/', 'lost/'] };
const auth = { username: 'app', password: APP.password };

async function withLogin(
  options: Partial<ConnectOptions>,
  run: (etcd: Etcd, kit: FaultKit, admin: AuthAdmin) => Promise<void>,
): Promise<void> {
  const server = await EmbeddedEtcd.start();
  try {
    const [endpoint = ''] = server.endpoints;
    const admin = new AuthAdmin(endpoint);
    await admin.enable([APP]);
    const etcd = await connect({ endpoints: server.endpoints, auth, ...options });
    try {
      await run(etcd, FaultKit.of(server), admin);
    } finally {
      await etcd.close();
    }
  } finally {
    await server.close();
  }
}

describe.each<[string, Partial<ConnectOptions>]>([
  ['inline', { shards: 'inline' }],
  ['two threads', { shards: 2 }],
  ['grpc-js', { shards: 1, transport: 'grpc-js' }],
])('a login, %s', (_name, options) => {
  it('goes on without an error and without a lost event when tokens are forgotten or outdated, again and again', async () => {
    await withLogin(options, async (etcd, kit) => {
      const seen: string[] = [];
      const group = etcd.watchGroup({
        onBatch: (batch) => {
          for (const part of batch.parts) for (const event of part.events) seen.push(event.value.string());
        },
      });
      for (let index = 0; index < 50; index += 1) group.add({ prefix: `app/${String(index)}/` });
      await group.ready();
      const leases = await etcd.leases.grantMany(20, { ttlSeconds: 5 });
      for (let round = 0; round < 12; round += 1) {
        await kit.act({ kind: round % 2 === 0 ? 'expire-tokens' : 'bump-auth-revision' });
        const watcher = etcd.watch(`app/later-${String(round)}`);
        await Promise.all([
          watcher.ready,
          etcd.kv.put(`app/${String(round)}/k`, String(round)),
          etcd.leases.grant({ ttlSeconds: 5 }).then((lease) => lease.revoke()),
        ]);
        void watcher.cancel();
      }
      await eventually(() => seen.length >= 12);
      expect(seen).toEqual(Array.from({ length: 12 }, (_, round) => String(round)));
      expect(leases.aliveCount).toBe(20);
    });
  });

  it('ends the watch that has lost its permission as soon as its stream is left, with what it had delivered', async () => {
    await withLogin(options, async (etcd, kit, admin) => {
      const lost = etcd.watch({ prefix: 'lost/' });
      const kept = etcd.watch({ prefix: 'app/' });
      await Promise.all([lost.ready, kept.ready]);
      const { revision } = await etcd.kv.put('lost/a', '1').then(({ header }) => header);
      const read = lost[Symbol.asyncIterator]();
      expect((await read.next()).done).toBe(false);
      await admin.revoke('app', 'lost/');
      await kit.act({ kind: 'expire-tokens' });
      // Another watch finds that the token is gone, and the streams are exchanged.
      await etcd.watch('app/x').ready;
      const end = await lost.ended;
      expect(end).toMatchObject({ reason: 'failed', error: { code: 'permission-denied' }, lastRevision: revision });
      await etcd.kv.put('app/a', '1');
      for await (const batch of kept) {
        expect(batch.revision).toBeGreaterThan(revision);
        break;
      }
    });
  });
});
