/**
 * An engine that logs in: a plain user without root rights, whose tokens run out, are outdated by changes of roles, and are
 * forgotten by a server that starts again, sees no error of it and misses no event.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { connect, type EtcdError, type ConnectOptions, type EngineStatus, type Etcd, type Watcher } from 'etcd-vigil';
import { AuthAdmin, JwtKeys, loginCount, simpleTokens } from '../support/auth-admin.js';
import { defaultEtcd } from '../support/etcd-binary.js';
import { checksRenewals } from '../support/etcd-facts.js';
import { EtcdProcess } from '../support/etcd.js';
import { ownerOf, pass, type TestEnd } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';

const PASSWORD = 'plain-secret-1';
const APP = { name: 'app', password: PASSWORD, prefixes: ['app/'] };
const auth = { username: 'app', password: PASSWORD };
const { version } = defaultEtcd();

interface World {
  readonly server: EtcdProcess;
  readonly admin: AuthAdmin;
  readonly own: ReturnType<typeof ownerOf>;
  open(options?: Partial<ConnectOptions>): Promise<Etcd>;
}

async function world(test: TestEnd, flags: readonly string[] = simpleTokens(300)): Promise<World> {
  const own = ownerOf(test);
  const server = own(await EtcdProcess.start({ flags }));
  const admin = new AuthAdmin(server.endpoint);
  return {
    server,
    admin,
    own,
    open: async (options = {}) => own(await connect({ endpoints: server.endpoint, shards: 1, auth, ...options })),
  };
}

/** What a watch has brought, as `key=value`. */
function record(watcher: Watcher): string[] {
  const seen: string[] = [];
  void (async () => {
    for await (const batch of watcher)
      for (const event of batch) seen.push(`${event.key.string()}=${event.value.string()}`);
  })().catch(() => undefined);
  return seen;
}

/** Writes to the key again and again, and that the watch has seen it. */
async function writeAndSee(etcd: Etcd, seen: string[], key: string, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await etcd.kv.put(key, String(round));
    await eventually(() => seen.at(-1) === `${key}=${String(round)}`, { what: `event ${String(round)} of ${key}` });
  }
}

describe(`a login (etcd ${version})`, () => {
  it.concurrent.each(['http2', 'grpc-js', 'inline'] as const)(
    'lets a plain user read, write, watch and hold leases, over %s',
    async (how) => {
      // The runner gives no test context to parameters: what is opened is closed by hand.
      const closers: (() => Promise<void>)[] = [];
      try {
        const { admin, open } = await world({ onTestFinished: (action) => void closers.push(action) });
        await admin.enable([APP]);
        const etcd = await open(how === 'inline' ? { shards: 'inline' } : { transport: how });
        const watcher = etcd.watch({ prefix: 'app/' });
        await watcher.ready;
        const seen = record(watcher);
        await writeAndSee(etcd, seen, 'app/a', 3);
        expect((await etcd.kv.get('app/a'))?.value.string()).toBe('2');
        const lease = await etcd.leases.grant({ ttlSeconds: 5 });
        await etcd.kv.put('app/leased', 'x', { lease });
        await pass(6_000);
        expect(lease.isAlive()).toBe(true);
        expect((await etcd.kv.get('app/leased'))?.value.string()).toBe('x');
        await lease.revoke();
        await eventually(async () => (await etcd.kv.get('app/leased')) === null);
        await expect(etcd.kv.put('other', 'x')).rejects.toMatchObject({
          code: 'permission-denied',
          outcome: 'refused',
        });
        await expect(etcd.watch('other').ready).rejects.toMatchObject({ code: 'permission-denied' });
        await writeAndSee(etcd, seen, 'app/b', 2);
      } finally {
        for (const close of closers.reverse()) await close();
      }
    },
  );

  it.concurrent('survives tokens that run out while nothing happens, without an error', async (test) => {
    const { admin, open, server } = await world(test, simpleTokens(3));
    await admin.enable([APP]);
    const etcd = await open();
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const problems = failures(etcd);
    const seen = record(watcher);
    const lease = await etcd.leases.grant({ ttlSeconds: 4 });
    for (let gap = 0; gap < 2; gap += 1) {
      await pass(5_000);
      await writeAndSee(etcd, seen, `app/${String(gap)}`, 2);
      const other = etcd.watch(`app/other-${String(gap)}`);
      await other.ready;
      await writeAndSee(etcd, record(other), `app/other-${String(gap)}`, 1);
    }
    expect(lease.isAlive()).toBe(true);
    expect(seen).toHaveLength(6);
    expect(problems).toEqual([]);
    // Root's own: one a call of the set-up, none since.
    expect(await loginCount(server.endpoint)).toBeLessThanOrEqual(4);
  });

  it.concurrent('survives JWTs that run out and are outdated by changes of roles', async (test) => {
    const keys = new JwtKeys();
    test.onTestFinished(() => keys.close());
    const { admin, open } = await world(test, keys.flags(3));
    await admin.enable([APP]);
    const etcd = await open();
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const seen = record(watcher);
    const leases = await etcd.leases.grantMany(50, { ttlSeconds: 4 });
    const watchers: Watcher[] = [];
    for (let round = 0; round < 5; round += 1) {
      await admin.call('auth/role/add', { name: `role-${String(round)}` });
      await writeAndSee(etcd, seen, `app/${String(round)}`, 2);
      const other = etcd.watch(`app/w${String(round)}`);
      await other.ready;
      watchers.push(other);
      await pass(2_000);
    }
    expect(leases.aliveCount).toBe(50);
    const others = watchers.map(record);
    for (const [round, other] of others.entries()) await writeAndSee(etcd, other, `app/w${String(round)}`, 2);
    expect(seen).toHaveLength(20);
  });

  it.concurrent('says a wrong password when it connects, and asks the server no more than once', async (test) => {
    const { admin, open, server } = await world(test);
    await admin.enable([APP]);
    const wrong = open({ auth: { username: 'app', password: 'wrong-secret-2' } });
    await expect(wrong).rejects.toMatchObject({ code: 'unauthenticated', outcome: 'refused' });
    const error: unknown = await wrong.catch((thrown: unknown) => thrown);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/secret/u);
    expect(await loginCount(server.endpoint)).toBe(1);
  });

  it.concurrent(
    'says that a given token is refused: when it connects, and before it becomes another user',
    async (test) => {
      const { admin, open } = await world(test);
      await admin.enable([APP]);
      const refused = { code: 'unauthenticated' };
      if (!checksRenewals(version)) {
        // Whoever asks for a status is told there: the first call that is judged shows it.
        const other = await open({ auth: { token: 'nobody.1' } });
        await expect(other.kv.put('app/k', 'x')).rejects.toMatchObject(refused);
        return;
      }
      await expect(open({ auth: { token: 'nobody.1' } })).rejects.toMatchObject(refused);
      const etcd = await open();
      await expect(etcd.reconfigure({ auth: { token: 'nobody.1' } })).rejects.toMatchObject(refused);
      await etcd.kv.put('app/still', 'x');
    },
  );

  it.concurrent('works without a token on a cluster without authentication, until that is turned on', async (test) => {
    const { admin, open } = await world(test);
    const etcd = await open();
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const seen = record(watcher);
    const lease = await etcd.leases.grant({ ttlSeconds: 4 });
    await writeAndSee(etcd, seen, 'app/off', 2);
    await admin.enable([APP]);
    await writeAndSee(etcd, seen, 'app/on', 2);
    const later = etcd.watch('app/later');
    await later.ready;
    await pass(5_000);
    expect(lease.isAlive()).toBe(true);
    await admin.turnOff();
    await writeAndSee(etcd, seen, 'app/off-again', 2);
    await etcd.watch('app/off-again').ready;
    await admin.turnOn();
    await writeAndSee(etcd, seen, 'app/on-again', 2);
    await etcd.watch('app/on-again').ready;
    expect(lease.isAlive()).toBe(true);
    expect(seen).toHaveLength(8);
  });

  it.concurrent('follows a password file, and says what it cannot use', async (test) => {
    const { admin, open } = await world(test);
    const folder = await mkdtemp(join(tmpdir(), 'etcd-vigil-login-'));
    test.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`);
    await admin.enable([APP]);
    const etcd = await open({ auth: { username: 'app', passwordFile } });
    const statuses = statusesOf(etcd);
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const seen = record(watcher);
    await writeAndSee(etcd, seen, 'app/before', 1);
    writeFileSync(passwordFile, '');
    await eventually(() => statuses.some(({ type }) => type === 'settings-refused'));
    writeFileSync(passwordFile, 'rotated-secret-3\n');
    await eventually(() =>
      statuses.some((status) => status.type === 'settings-changed' && status.source === 'password-file'),
    );
    // etcd drops the tokens of a user whose password changes.
    await admin.changePassword('app', 'rotated-secret-3');
    await writeAndSee(etcd, seen, 'app/after', 2);
    await etcd.watch('app/new').ready;
    expect(inspect([etcd, statuses], { depth: 20, showHidden: true })).not.toMatch(/secret/u);
    expect(JSON.stringify([await etcd.stats(), statuses])).not.toMatch(/secret/u);
  });

  it.concurrent('asks a function for a token, and again when the server refuses it', async (test) => {
    const { admin, open, server } = await world(test, simpleTokens(3));
    await admin.enable([APP]);
    const refusals: (string | undefined)[] = [];
    const issue = async (): Promise<string> => {
      const response = await fetch(`${server.endpoint}/v3/auth/authenticate`, {
        method: 'POST',
        body: JSON.stringify({ name: 'app', password: PASSWORD }),
      });
      return String(((await response.json()) as { readonly token: unknown }).token);
    };
    const etcd = await open({
      auth: async (refusal) => {
        refusals.push(refusal?.code);
        return { token: await issue() };
      },
    });
    await etcd.kv.put('app/a', '1');
    await pass(5_000);
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    await writeAndSee(etcd, record(watcher), 'app/a', 2);
    expect(refusals).toEqual([undefined, 'unauthenticated']);
  });

  it.concurrent('becomes another user while it runs', async (test) => {
    const { admin, open } = await world(test);
    await admin.enable([APP, { name: 'second', password: 'second-secret-4', prefixes: ['app/', 'second/'] }]);
    const etcd = await open();
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const seen = record(watcher);
    const lease = await etcd.leases.grant({ ttlSeconds: 4 });
    await expect(etcd.reconfigure({ auth: { username: 'second', password: 'nope' } })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await writeAndSee(etcd, seen, 'app/before', 1);
    const changed = await etcd.reconfigure({ auth: { username: 'second', password: 'second-secret-4' } });
    expect(changed.changed).toBe(true);
    await etcd.kv.put('second/a', '1');
    await etcd.watch({ prefix: 'second/' }).ready;
    await writeAndSee(etcd, seen, 'app/after', 2);
    await pass(5_000);
    expect(lease.isAlive()).toBe(true);
    await etcd.reconfigure({ auth: null });
    await expect(etcd.kv.get('app/after')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.concurrent('ends the watch that lost its permission when it is created again, and no other', async (test) => {
    const { admin, open, server } = await world(test);
    await admin.enable([{ ...APP, prefixes: ['app/', 'lost/'] }]);
    const etcd = await open();
    const watcher = etcd.watch({ prefix: 'app/' });
    await watcher.ready;
    const seen = record(watcher);
    const lost = etcd.watch({ prefix: 'lost/' });
    await lost.ready;
    const lostSeen = record(lost);
    await writeAndSee(etcd, lostSeen, 'lost/a', 2);
    await admin.revoke('app', 'lost/');
    await expect(etcd.kv.put('lost/a', 'x')).rejects.toMatchObject({ code: 'permission-denied' });
    await server.stop();
    server.launch();
    await server.waitReady();
    const end = await lost.ended;
    expect(end).toMatchObject({ error: { code: 'permission-denied' } });
    await writeAndSee(etcd, seen, 'app/a', 2);
    await etcd.watch({ prefix: 'app/more' }).ready;
  });
});

function statusesOf(etcd: Etcd): EngineStatus[] {
  const statuses: EngineStatus[] = [];
  void (async () => {
    for await (const status of etcd.status) statuses.push(status);
  })();
  return statuses;
}

/** Every failure that the engine tells of. */
function failures(etcd: Etcd): EtcdError[] {
  const found: EtcdError[] = [];
  void (async () => {
    for await (const status of etcd.status) if ('error' in status) found.push(status.error);
  })();
  return found;
}
