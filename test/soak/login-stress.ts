/**
 * Three users with 200 watches and 500 leases each, tokens of 3 s, and a member that is killed or whose roles change every 7 s, with
 * a main thread that is blocked for 10 s in the middle: every event once and in order, no lease lost, no error but writes of unknown
 * outcome. SECONDS for longer runs.
 */
import { describe, expect, it } from 'vitest';
import { connect, EtcdError, type Etcd, type LeaseCollection } from 'etcd-vigil';
import { AuthAdmin, JwtKeys, loginCount, simpleTokens } from '../support/auth-admin.js';
import { defaultEtcd } from '../support/etcd-binary.js';
import { EtcdProcess } from '../support/etcd.js';
import { ownerOf, pass } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';

const SECONDS = Number(process.env['SECONDS'] ?? 60);
const RANGES = 200;
const LEASES = 500;
const CHANGE_MS = 7_000;
const BLOCK_MS = 10_000;

/** One user's engine, what it has written, and what its watches have brought. */
class Client {
  readonly problems: string[] = [];
  /** By key: the last value that was written for certain. */
  readonly #written = new Map<string, number>();
  readonly #seen = new Map<string, number>();
  readonly #name: string;
  readonly #etcd: Etcd;
  readonly #leases: LeaseCollection;
  #isOver = false;
  #count = 0;

  private constructor(name: string, etcd: Etcd, leases: LeaseCollection) {
    this.#name = name;
    this.#etcd = etcd;
    this.#leases = leases;
    leases.onEnded((end) => this.#isOver || this.problems.push(`lease ended: ${end.reason}`));
  }

  static async open(name: string, etcd: Etcd): Promise<Client> {
    const client = new Client(name, etcd, await etcd.leases.grantMany(LEASES, { ttlSeconds: 10 }));
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const { events } of batch.parts)
          for (const { key, value } of events) client.#arrived(key.string(), Number(value.string()));
      },
      onEnd: (_member, end) => client.#isOver || client.problems.push(`watch ended: ${end.reason}`),
    });
    for (let range = 0; range < RANGES; range += 1) group.add({ prefix: `${name}/${String(range)}/` });
    await group.ready();
    return client;
  }

  /** Writes with pauses of 5 s in which nothing happens, and opens watches. */
  async work(): Promise<void> {
    while (!this.#isOver) {
      for (let range = 0; range < RANGES && !this.#isOver; range += 7)
        await this.#write(`${this.#name}/${String(range)}/k`);
      const watcher = this.#etcd.watch(`${this.#name}/later`);
      await watcher.ready.catch((error: unknown) => this.problems.push(`a later watch: ${String(error)}`));
      void watcher.cancel();
      await pass(5_000);
    }
  }

  async finish(): Promise<{ readonly alive: number }> {
    for (const [key, value] of this.#written)
      await eventually(() => (this.#seen.get(key) ?? 0) >= value, { what: key });
    const alive = this.#leases.aliveCount;
    this.stop();
    return { alive };
  }

  stop(): void {
    this.#isOver = true;
  }

  async #write(key: string): Promise<void> {
    const value = (this.#count += 1);
    try {
      await this.#etcd.kv.put(key, String(value));
      this.#written.set(key, value);
    } catch (error) {
      const isUnknown = error instanceof EtcdError && error.outcome === 'unknown';
      if (!isUnknown) this.problems.push(`a write: ${String(error)}`);
    }
  }

  #arrived(key: string, value: number): void {
    const before = this.#seen.get(key) ?? 0;
    if (value <= before) this.problems.push(`${key}: ${String(value)} after ${String(before)}`);
    this.#seen.set(key, value);
  }
}

describe(`logins under faults on etcd ${defaultEtcd().version}`, () => {
  it.each(['jwt', 'simple'] as const)('nothing is lost with %s tokens', async (kind) => {
    const closers: (() => Promise<void>)[] = [];
    const own = ownerOf({ onTestFinished: (action) => void closers.push(action) });
    try {
      const keys = own(new JwtKeys());
      const server = own(await EtcdProcess.start({ flags: kind === 'jwt' ? keys.flags(3) : simpleTokens(3) }));
      const admin = new AuthAdmin(server.endpoint);
      const users = ['u1', 'u2', 'u3'].map((name) => ({ name, password: `${name}-pw`, prefixes: [`${name}/`] }));
      await admin.enable(users);
      const clients = await Promise.all(
        users.map(async ({ name, password }) => {
          const auth = { username: name, password };
          return Client.open(name, own(await connect({ endpoints: server.endpoint, auth, shards: 2 })));
        }),
      );
      const working = clients.map((client) => client.work());
      const endMs = performance.now() + SECONDS * 1_000;
      const changes = (async () => {
        for (let change = 1; performance.now() < endMs; change += 1) {
          await pass(CHANGE_MS);
          if (change % 2 === 1) await admin.call('auth/role/add', { name: `role-${String(change)}` });
          else {
            await server.kill();
            server.launch();
            await server.waitReady();
          }
        }
      })();
      await pass((SECONDS * 1_000) / 3);
      const blockedUntil = performance.now() + BLOCK_MS;
      while (performance.now() < blockedUntil);
      await changes;
      const ends = await Promise.all(clients.map((client) => client.finish()));
      await Promise.all(working);
      expect(clients.flatMap(({ problems }) => problems)).toEqual([]);
      expect(ends).toEqual(clients.map(() => ({ alive: LEASES })));
      process.stderr.write(`${kind}: ${String(await loginCount(server.endpoint))} logins since the last start\n`);
    } finally {
      for (const close of closers.reverse()) await close();
    }
  });
});
