/**
 * A random program of calls of every kind, from a seed. Requests are about few keys, leases, users and roles, so that they meet;
 * some are refused on purpose.
 */
import type { Rng } from '../../support/rng.js';
import { id, type Fields } from '../rpc-session.js';
import { folder, randomDelete, randomPut, randomRange, randomSpan, randomTxn } from './kv-requests.js';
import { DRAWN_LEASES, type LeaseId, type Twin } from './twin.js';

const MAX_LANES = 4;
const MAX_WATCHES = 150;
const USERS = ['root', 'ann', 'bob', 'eve'] as const;
const ROLES = ['root', 'reader', 'writer', 'other'] as const;
const PASSWORDS = ['p', 'p', 'p', 'p', 'q', ''] as const;

interface Caller {
  readonly token: number | string | undefined;
}

/** Runs `operations` calls. Ends early after differences. */
export class RandomProgram {
  readonly #rng: Rng;
  readonly #twin: Twin;
  readonly #operations: number;
  readonly #old: boolean;
  #revision = 1;
  #done = 0;
  #watches = 0;
  readonly #lanesWithToken = new Set<number>();
  #compacted = false;
  #authEnabled = false;
  /** The last token of root, while it is good for anything. */
  #rootToken: number | undefined;

  /** @param old the real server is 3.4: what that does differently is not sent; see compare-servers.ts. */
  constructor(rng: Rng, twin: Twin, { operations, old }: { operations: number; old: boolean }) {
    this.#old = old;
    this.#rng = rng;
    this.#twin = twin;
    this.#operations = operations;
  }

  async run(): Promise<void> {
    while (this.#done < this.#operations && this.#twin.differences.length === 0) await this.#step();
    await this.#twin.finish();
  }

  async #step(): Promise<void> {
    const rng = this.#rng;
    if (this.#authEnabled && this.#rootToken === undefined && rng.chance(0.5)) return this.#login('root', 'p');
    const choice = rng.integer(0, 999);
    if (choice < 220) return this.#send('KV/Put', (lease) => randomPut(rng, lease));
    if (choice < 400) return this.#send('KV/Range', () => randomRange(rng, this.#revision));
    if (choice < 460) return this.#send('KV/DeleteRange', () => randomDelete(rng));
    if (choice < 640) return this.#send('KV/Txn', (lease) => randomTxn(rng, this.#revision, lease, rng.chance(0.7)));
    if (choice < 760) return this.#lease();
    if (choice < 860) return this.#watch();
    if (choice < 866) return this.#compact();
    if (choice < 880) return this.#authPhase();
    return this.#auth();
  }

  async #unary(method: string, request: (lease: LeaseId) => object, by?: Caller): Promise<Fields> {
    const { token } = by ?? { token: this.#token() };
    this.#done += 1;
    // Drawn once; each server's own lease ids are put in afterwards.
    const template = request((number) => `lease:${String(number)}`);
    const answer = await this.#twin.call({ method, token, request: (lease) => withLeases(template, lease) });
    const header = answer['header'];
    if (typeof header === 'object' && header !== null && 'revision' in header) this.#revision = Number(header.revision);
    return answer;
  }

  async #send(method: string, request: (lease: LeaseId) => object): Promise<void> {
    await this.#unary(method, request);
  }

  #token(): number | string | undefined {
    const rng = this.#rng;
    if (!this.#authEnabled) return !this.#old && rng.chance(0.02) ? 'stale.1' : undefined;
    if (rng.chance(0.55)) return this.#rootToken;
    if (rng.chance(0.7) && this.#twin.tokens > 0)
      return rng.integer(Math.max(0, this.#twin.tokens - 6), this.#twin.tokens - 1);
    return rng.chance(0.5) ? undefined : rng.pick(['', 'garbage', 'garbage.5']);
  }

  async #lease(): Promise<void> {
    const rng = this.#rng;
    const number = this.#anyLease();
    const ID = (lease: LeaseId): object => ({ ID: lease(number) });
    switch (rng.integer(0, 9)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        // Long ones: nothing expires meanwhile.
        const TTL = rng.pick([500, 600, 1000, 9_000_000_000, 9_000_000_001]);
        const drawn = rng.chance(0.2) || number >= DRAWN_LEASES;
        await this.#unary('Lease/LeaseGrant', (lease) => ({ TTL, ...(drawn ? {} : ID(lease)) }));
        return;
      }
      case 4:
      case 5:
        await this.#unary('Lease/LeaseRevoke', ID);
        return;
      case 6:
      case 7: {
        const keys = rng.chance(0.6) && !(this.#old && this.#authEnabled);
        await this.#unary('Lease/LeaseTimeToLive', (lease) => ({ ...ID(lease), keys }));
        return;
      }
      case 8:
        await this.#unary('Lease/LeaseLeases', () => ({}));
        return;
      default:
        this.#done += 1;
        await this.#twin.renew(number);
    }
  }

  #anyLease(): number {
    const drawn = this.#twin.drawnLeases;
    if (drawn > 0 && this.#rng.chance(0.3)) return DRAWN_LEASES + this.#rng.integer(Math.max(0, drawn - 5), drawn - 1);
    return this.#rng.integer(1, 9);
  }

  async #watch(): Promise<void> {
    const rng = this.#rng;
    const twin = this.#twin;
    this.#done += 1;
    if (twin.lanes === 0 || (twin.lanes < MAX_LANES && rng.chance(0.1))) {
      const token = this.#authEnabled && rng.chance(0.9) ? this.#rootToken : undefined;
      const opened = twin.openLane(token);
      if (token !== undefined) this.#lanesWithToken.add(opened);
    }
    const lane = rng.integer(0, twin.lanes - 1);
    const choice = rng.integer(0, 99);
    if (choice < 12) return twin.cancelWatch(lane, rng.integer(0, 12));
    if (choice < 20) return twin.progress(lane);
    if (this.#watches >= MAX_WATCHES) return;
    if (this.#old && !this.#authEnabled && this.#lanesWithToken.has(lane)) return;
    this.#watches += 1;
    const filters = rng.chance(0.8) ? [] : rng.pick([[0], [1], [0, 1], [1, 1]]);
    // Before the first compaction, a watch from revision -1 makes etcd pass over the past of others (of what it looks at together).
    const start = rng.chance(0.6)
      ? undefined
      : rng.pick([
          1,
          this.#compacted ? -1 : 1,
          -5,
          this.#revision,
          this.#revision + 1,
          this.#revision + 7,
          rng.integer(1, this.#revision),
        ]);
    await twin.watch(lane, {
      ...randomSpan(rng),
      startRevision: start,
      watchId: rng.chance(0.8) ? undefined : rng.pick([1, 2, 3, 50, 1000, -1, -7]),
      filters,
      prevKv: rng.chance(0.4),
      fragment: rng.chance(0.2),
      progressNotify: rng.chance(0.1),
    });
  }

  async #compact(): Promise<void> {
    const rng = this.#rng;
    // Whether a watch from the past is told of what is compacted would be a matter of luck.
    await this.#twin.settleAll();
    const revision = rng.pick([
      ...[this.#revision, this.#revision - 1, rng.integer(1, this.#revision), rng.integer(1, this.#revision)],
      ...[0, -1, 1, this.#revision + 1],
    ]);
    const answer = await this.#unary('KV/Compact', () => ({ revision, physical: rng.chance(0.3) }));
    this.#compacted ||= 'header' in answer;
  }

  /** Switches authentication on, with what it takes, or off. */
  async #authPhase(): Promise<void> {
    if (this.#authEnabled) {
      await this.#unary('Auth/AuthDisable', () => ({}), { token: this.#rootToken });
      await this.#lookAtAuth();
      return;
    }
    await this.#unary('Auth/UserAdd', () => ({ name: 'root', password: 'p' }));
    await this.#unary('Auth/UserChangePassword', () => ({ name: 'root', password: 'p' }));
    await this.#unary('Auth/RoleAdd', () => ({ name: 'root' }));
    await this.#unary('Auth/UserGrantRole', () => ({ user: 'root', role: 'root' }));
    await this.#unary('Auth/AuthEnable', () => ({}));
    await this.#lookAtAuth();
    await this.#login('root', 'p');
  }

  async #lookAtAuth(): Promise<void> {
    const status = await this.#unary('Auth/AuthStatus', () => ({}), { token: this.#rootToken });
    // Without a token that is good there is no answer while it is on.
    if ('header' in status) this.#authEnabled = status['enabled'] === true;
    else this.#authEnabled = true;
    if (!this.#authEnabled) this.#rootToken = undefined;
  }

  async #login(name: string, password: string): Promise<void> {
    const answer = await this.#unary('Auth/Authenticate', () => ({ name, password }), { token: undefined });
    if (name === 'root' && 'token' in answer) this.#rootToken = this.#twin.tokens - 1;
  }

  async #auth(): Promise<void> {
    const rng = this.#rng;
    const name = rng.pick(USERS);
    const role = rng.pick(ROLES);
    const password = rng.pick(PASSWORDS) || (this.#old ? 'p' : '');
    const span = randomSpan(rng);
    const send = async (method: string, request: object): Promise<void> => {
      await this.#unary(`Auth/${method}`, () => request);
    };
    switch (rng.integer(0, 16)) {
      case 0:
      case 1: {
        if (name === 'root') return this.#login('root', 'p');
        return this.#login(name, password);
      }
      case 2:
        return send('UserAdd', { name, password: name === 'root' ? 'p' : password });
      case 3:
        return send('UserAdd', {
          name: rng.pick(['ann', 'bob', '']),
          options: { noPassword: this.#old || rng.chance(0.5) },
        });
      case 4:
        return send('UserGet', { name });
      case 5:
        return send('UserList', {});
      case 6:
        // Root stays: without it this program would only see refusals.
        return send('UserDelete', { name: rng.pick(['ann', 'bob', 'eve', 'nobody']) });
      case 7: {
        if (name === 'root' && this.#authEnabled) return;
        return send('UserChangePassword', { name, password });
      }
      case 8:
      case 9:
        return send('UserGrantRole', { user: name, role });
      case 10:
        if (name === 'root') return;
        return send('UserRevokeRole', { name, role });
      case 11:
        return send('RoleAdd', { name: role });
      case 12:
        return send('RoleGet', { role });
      case 13:
        return rng.chance(0.4)
          ? send('RoleList', {})
          : send('RoleDelete', { role: rng.pick(['reader', 'other', 'x']) });
      case 14:
      case 15:
        return send('RoleGrantPermission', {
          name: role,
          perm: { permType: rng.integer(0, 2), ...(this.#old ? folder(rng) : span) },
        });
      default:
        return rng.chance(0.3)
          ? send('AuthStatus', {})
          : send('RoleRevokePermission', { role, key: span.key, rangeEnd: span.rangeEnd });
    }
  }
}

/** Puts a server's own ids in. */
function withLeases(fields: object, lease: LeaseId): object {
  const put = (value: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith('lease:')) return id(lease(Number(value.slice(6))));
    if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
    return Array.isArray(value) ? value.map(put) : withLeases(value, lease);
  };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, put(value)]));
}
