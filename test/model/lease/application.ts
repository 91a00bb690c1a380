/** An application that uses every function of leases, at random, and knows what it may expect of each. */
import type { Etcd } from '../../../src/main/etcd.js';
import type { LeaseSession } from '../../../src/main/lease/lease-session.js';
import type { Registration } from '../../../src/main/lease/lease-registration.js';
import { EtcdError } from '../../../src/wire/errors.js';
import type { Rng } from '../../support/rng.js';
import type { FakeCluster } from './fake-cluster.js';
import type { Held, LeaseLedger } from './lease-ledger.js';
import type { World } from './world.js';

export interface ApplicationParts {
  readonly etcd: Etcd;
  readonly cluster: FakeCluster;
  readonly ledger: LeaseLedger;
  readonly world: World;
  readonly say: (line: string) => void;
}

interface Call {
  readonly what: string;
  readonly limitMs: number;
  readonly crashes: number;
  readonly stoppedMs: number;
}

interface OpenSession {
  readonly name: string;
  readonly session: LeaseSession;
  /** What its listener was told last. */
  last: 'granted' | 'lost' | 'retrying' | undefined;
  /** Of its newest lease. */
  leaseId: bigint | undefined;
}

interface OpenRegistration {
  readonly key: string;
  value: string;
  registration: Registration | undefined;
  readonly abort: AbortController;
}

const MOST_LEASES = 25;
const MOST_SESSIONS = 4;
const CALL_TIMEOUT_MS = 10_000;
/** Ticks of the shard, ports, and an attempt that ends by itself. */
const GRACE_MS = 3_000;

/** What a call may fail with when the cluster does not serve it. */
const TROUBLE = [
  'timeout',
  'unavailable',
  'aborted',
  'no-space',
  'permission-denied',
  'unauthenticated',
  'no-leader',
  'connect-failed',
  'too-many-requests',
  'closed',
];

/** What listeners of this application throw, on purpose. */
export class ListenerFault extends Error {}

export class Application {
  /** How often a listener threw. */
  thrown = 0;
  readonly #etcd: Etcd;
  readonly #cluster: FakeCluster;
  readonly #ledger: LeaseLedger;
  readonly #world: World;
  readonly #rng: Rng;
  readonly #say: (line: string) => void;
  readonly #calls = new Set<Call>();
  readonly #aborts = new Set<AbortController>();
  readonly #sessions = new Set<OpenSession>();
  readonly #registrations = new Set<OpenRegistration>();
  #number = 0;

  constructor({ etcd, cluster, ledger, world, say }: ApplicationParts) {
    this.#etcd = etcd;
    this.#cluster = cluster;
    this.#ledger = ledger;
    this.#world = world;
    this.#rng = world.rng;
    this.#say = say;
  }

  /** Does one thing. */
  act(): void {
    const name = this.#rng.pick(Object.keys(this.#acts));
    this.#acts[name]?.();
  }

  /** Every call is answered in its time. @throws Error */
  check(): void {
    const nowMs = this.#world.time.monotonicMs;
    for (const call of this.#calls) {
      // A shard that takes over begins anew; a thread that does not run keeps no time.
      const moreMs = (this.#world.crashes - call.crashes) * CALL_TIMEOUT_MS + this.#world.stoppedMs() - call.stoppedMs;
      if (nowMs > call.limitMs + moreMs) throw new Error(`${call.what} does not settle`);
    }
    for (const { session } of this.#sessions) {
      if (session.lease?.isAlive() === false) throw new Error('a session offers a lease that is not alive');
    }
    for (const { registration, key } of this.#registrations)
      if (registration !== undefined) this.#checkStanding(key, registration);
  }

  /** Nothing that needs a decision is left open. */
  settle(): void {
    this.#cluster.poisoned.clear();
  }

  /** After a long calm. @throws Error */
  checkCalm(): void {
    for (const { name, session, last, leaseId } of this.#sessions) {
      // One whose lease was given back by somebody else than the session holds none any more.
      if (this.#heldBy(leaseId)?.ends[0]?.reason === 'released') continue;
      if (session.lease === undefined) throw new Error(`${name} has no lease after a minute of calm`);
      if (last !== undefined && last !== 'granted') throw new Error(`${name} holds a lease and told '${last}' last`);
    }
    for (const { key, value, registration } of this.#registrations) {
      if (registration === undefined) throw new Error(`${key} is not registered after a minute of calm`);
      if (!registration.isRegistered()) throw new Error(`${key} does not stand after a minute of calm`);
      const stands = this.#cluster.lessor.keys.get(key);
      if (stands?.value !== value) throw new Error(`${key} is '${String(stands?.value)}', not '${value}'`);
    }
  }

  /** Leases that no {@link Held} stands for. */
  get registeredLeases(): Set<bigint> {
    return new Set([...this.#registrations].flatMap(({ registration }) => registration?.leaseId ?? []));
  }

  /** Closes some of what is open, in the orderly way. */
  async leave(): Promise<void> {
    for (const open of [...this.#sessions]) if (this.#rng.chance(0.5)) this.#closeSession(open);
    for (const open of [...this.#registrations]) if (this.#rng.chance(0.5)) this.#closeRegistration(open);
    await this.#world.time.run(5_000, () => {
      this.check();
      this.#ledger.check();
    });
  }

  /** @throws Error */
  checkClosed(): void {
    for (const { what } of this.#calls) throw new Error(`${what} did not settle with close()`);
    for (const { lease, ends } of this.#ledger.held.values())
      if (ends.length !== 1) throw new Error(`lease ${String(lease.leaseId)} was told ${String(ends.length)} ends`);
    for (const { name, session } of this.#sessions)
      if (session.lease !== undefined) throw new Error(`${name} has a lease after close()`);
  }

  readonly #acts: Readonly<Record<string, () => void>> = {
    grant: () => {
      if (this.#ledger.living.length > MOST_LEASES) return;
      const leaseId = this.#rng.chance(0.2) ? this.#chosenId() : undefined;
      const options = { ...this.#options(), ...(leaseId === undefined ? undefined : { leaseId }) };
      const what = this.#name(`grant ${String(options.ttlSeconds)} s ${leaseId === undefined ? '' : String(leaseId)}`);
      const asked = this.#etcd.leases.grant(options).then((lease) => {
        this.#say(`  ${what} is ${String(lease.leaseId)}`);
        this.#take(this.#ledger.take(lease));
      });
      this.#track(what, asked, options.timeoutMs, [...TROUBLE, ...(leaseId === undefined ? [] : ['lease-exists'])]);
    },
    'grant many': () => {
      if (this.#ledger.living.length > MOST_LEASES) return;
      const count = this.#rng.integer(2, 6);
      const what = this.#name(`grant ${String(count)}`);
      let progress = 0;
      const options = {
        ...this.#options(),
        onProgress: (answered: number) => {
          if (answered <= progress || answered > count) this.#ledger.fail(`${what}: progress ${String(answered)}`);
          progress = answered;
          this.#mayThrow();
        },
      };
      const asked = this.#etcd.leases.grantMany(count, options).then((many) => {
        for (const lease of many) this.#take(this.#ledger.take(lease));
        many.onEnded(() => {
          this.#mayThrow();
        });
        many.onEnded((end) => {
          const held = this.#ledger.held.get(end.leaseId);
          if (held !== undefined && held.ends.length > 0)
            this.#ledger.fail(`${what}: ${String(end.leaseId)} ended late or twice`);
        });
      });
      this.#track(what, asked, options.timeoutMs, TROUBLE);
    },
    'keep alive': () => {
      const isThere = this.#rng.chance(0.8);
      const leaseId = this.#foreignId();
      const { time, lessor } = this.#cluster;
      if (isThere) lessor.grant(leaseId, this.#rng.integer(2, 20), time.trueMs);
      const what = this.#name(`keep ${String(leaseId)} ${isThere ? '' : '(not there)'}`);
      this.#track(what, this.#keep(leaseId), CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
      if (!this.#rng.chance(0.3)) return;
      const again = this.#keep(leaseId);
      this.#track(`${what}, again`, again, 2 * CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
    },
    'set an interval': () => {
      const held = this.#some();
      if (held === undefined) return;
      const intervalMs = this.#rng.pick([50, 500, 5_000]);
      const what = this.#name(`renew ${String(held.lease.leaseId)} every ${String(intervalMs)} ms`);
      const asked = this.#etcd.leases.keepAlive(held.lease.leaseId, { intervalMs }).then((lease) => {
        this.#ledger.take(lease);
      });
      this.#track(what, asked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
    },
    revoke: () => {
      const held = this.#some();
      if (held !== undefined) this.#revoke(held);
    },
    'revoke by id': () => {
      const held = this.#some();
      if (held === undefined) return;
      const { lease } = held;
      const { leaseId } = lease;
      this.#ledger.revoking(held);
      const what = this.#name(`revoke by id ${String(leaseId)}`);
      this.#track(
        what,
        this.#noting(held, this.#etcd.leases.revoke(this.#rng.chance(0.5) ? leaseId : lease)),
        CALL_TIMEOUT_MS,
        [...TROUBLE, 'lease-not-found', 'lease-ended'],
      );
    },
    'revoke what was released': () => {
      const released = [...this.#ledger.held.values()].filter(({ releasedMs }) => releasedMs !== undefined);
      if (released.length === 0) return;
      const held = this.#rng.pick(released.slice(-3));
      this.#ledger.revoking(held);
      const what = this.#name(`revoke the released ${String(held.lease.leaseId)}`);
      const revoked = this.#noting(held, this.#etcd.leases.revoke(held.lease.leaseId));
      this.#track(what, revoked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found']);
    },
    'revoke several': () => {
      const several = this.#rng.shuffled(this.#ledger.living).slice(0, 3);
      if (several.length === 0) return;
      const which = several.map(({ lease }) => (this.#rng.chance(0.5) ? lease : lease.leaseId));
      for (const held of several) this.#ledger.revoking(held);
      const what = this.#name(`revoke ${several.map(({ lease }) => String(lease.leaseId)).join(', ')}`);
      const revoked = this.#etcd.leases.revoke(which).then(
        () => {
          for (const held of several) this.#ledger.revoked(held, undefined);
        },
        (error: unknown) => {
          // Whose error it is, nobody says.
          for (const held of several) this.#ledger.revoked(held, error);
          throw error;
        },
      );
      this.#track(what, revoked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-ended']);
    },
    release: () => {
      const held = this.#some();
      if (held === undefined || held.isSessions || !this.#rng.chance(0.5)) return;
      this.#say(`release ${String(held.lease.leaseId)}`);
      this.#ledger.released(held);
      held.lease.release();
    },
    'revoked by another': () => {
      const held = this.#some();
      if (held === undefined || !this.#rng.chance(0.5)) return;
      this.#say(`another revokes ${String(held.lease.leaseId)}`);
      const { lessor, time } = this.#cluster;
      lessor.revoke(held.lease.leaseId, time.trueMs, 'revoked by another');
    },
    poison: () => {
      const held = this.#some();
      if (held === undefined || !this.#rng.chance(0.3)) return;
      this.#say(`poison ${String(held.lease.leaseId)}`);
      this.#cluster.poisoned.add(held.lease.leaseId);
    },
    abort: () => {
      const aborts = [...this.#aborts];
      if (aborts.length === 0) return;
      this.#say('abort');
      this.#rng.pick(aborts).abort(new Error('no longer wanted'));
    },
    'observe renewals': () => {
      const held = this.#some();
      if (held === undefined) return;
      held.lease.onRenewed(() => {
        this.#mayThrow();
      });
      const off = held.lease.onRenewed(({ leaseId, ttlSeconds }) => {
        if (leaseId !== held.lease.leaseId || ttlSeconds < 2) this.#ledger.fail('a renewal is told of another lease');
        if (held.ends.length > 0) this.#ledger.fail(`lease ${String(leaseId)} is renewed, as told, after its end`);
      });
      if (this.#rng.chance(0.3)) off();
    },
    session: () => {
      if (this.#sessions.size >= MOST_SESSIONS) return;
      const { ttlSeconds, intervalMs } = this.#options();
      const name = this.#name(`session ${String(ttlSeconds)} s`);
      const session = this.#etcd.leases.session({ ttlSeconds, intervalMs });
      const open: OpenSession = { name, session, last: undefined, leaseId: undefined };
      session.on(() => {
        this.#mayThrow();
      });
      session.on((event) => {
        this.#say(`  ${name}: ${event.type}`);
        if (event.type === 'granted') {
          this.#ledger.take(event.lease, true);
          open.leaseId = event.lease.leaseId;
        }
        if (event.type === 'lost' && open.last !== 'granted') this.#ledger.fail(`${name} lost what it had not`);
        if (event.type === 'granted' && open.last === 'granted') this.#ledger.fail(`${name} has two leases`);
        open.last = event.type;
      });
      this.#sessions.add(open);
      session.ready.catch(() => undefined);
    },
    'close a session': () => {
      const open = [...this.#sessions];
      if (open.length > 0 && this.#rng.chance(0.4)) this.#closeSession(this.#rng.pick(open));
    },
    register: () => {
      if (this.#registrations.size >= MOST_SESSIONS) return;
      const key = this.#name('key').replaceAll(' ', '-');
      const abort = new AbortController();
      const open: OpenRegistration = { key, value: 'first', registration: undefined, abort };
      this.#registrations.add(open);
      const { ttlSeconds, intervalMs } = this.#options();
      const asked = this.#etcd.leases.register(key, open.value, { ttlSeconds, intervalMs, signal: abort.signal }).then(
        (registration) => {
          open.registration = registration;
          registration.on(() => {
            this.#mayThrow();
          });
        },
        (error: unknown) => {
          this.#registrations.delete(open);
          throw error;
        },
      );
      this.#track(`register ${key}`, asked, Infinity, ['aborted', 'closed', 'permission-denied', 'invalid-argument']);
    },
    update: () => {
      const open = [...this.#registrations].filter(({ registration }) => registration !== undefined);
      if (open.length === 0) return;
      const one = this.#rng.pick(open);
      one.value = this.#name('value');
      this.#say(`update ${one.key}`);
      one.registration?.update(one.value);
    },
    'close a registration': () => {
      const open = [...this.#registrations].filter(({ registration }) => registration !== undefined);
      if (open.length > 0 && this.#rng.chance(0.3)) this.#closeRegistration(this.#rng.pick(open));
    },
    list: () => {
      const asked = (async () => {
        for await (const leaseId of this.#etcd.leases.list()) if (leaseId === 0n) throw new Error('a lease 0');
      })();
      this.#track(this.#name('list'), asked, 5_000, TROUBLE);
    },
  };

  async #keep(leaseId: bigint): Promise<void> {
    try {
      this.#take(this.#ledger.take(await this.#etcd.leases.keepAlive(leaseId)));
    } catch (error) {
      this.#ledger.notKept(leaseId);
      throw error;
    }
  }

  #revoke(held: Held): void {
    const timeoutMs = this.#rng.pick([undefined, 500, 5_000]);
    this.#ledger.revoking(held);
    const what = this.#name(`revoke ${String(held.lease.leaseId)}`);
    this.#track(what, this.#noting(held, held.lease.revoke({ timeoutMs })), timeoutMs ?? CALL_TIMEOUT_MS, [
      ...TROUBLE,
      'lease-ended',
    ]);
  }

  /** Tells the ledger how a revocation went. */
  async #noting(held: Held, revoked: Promise<void>): Promise<void> {
    try {
      await revoked;
    } catch (error) {
      this.#ledger.revoked(held, error);
      throw error;
    }
    this.#ledger.revoked(held, undefined);
  }

  #closeSession(open: OpenSession): void {
    this.#sessions.delete(open);
    // Also one past its deadline whose end has not been told yet: `session.lease` gives it no more.
    const newest = this.#heldBy(open.leaseId);
    const held = newest?.ends.length === 0 ? newest : undefined;
    if (this.#rng.chance(0.3)) {
      this.#say(`release ${open.name}`);
      if (held !== undefined) this.#ledger.released(held);
      open.session.release();
      return;
    }
    this.#close(`close ${open.name}`, held, () => open.session.close());
  }

  #closeRegistration(open: OpenRegistration): void {
    this.#registrations.delete(open);
    const { registration, key } = open;
    if (registration === undefined) return;
    this.#close(`close ${key}`, undefined, async () => {
      // One that is between two leases leaves its key to the one before, which runs out.
      const stood = registration.isRegistered();
      await registration.close();
      if (stood && this.#cluster.lessor.keys.has(key)) this.#ledger.fail(`${key} is there after close()`);
    });
  }

  #close(what: string, held: Held | undefined, close: () => Promise<void>): void {
    if (held !== undefined) this.#ledger.revoking(held);
    const closed = held === undefined ? close() : this.#noting(held, close());
    this.#track(this.#name(what), closed, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-ended']);
  }

  #heldBy(leaseId: bigint | undefined): Held | undefined {
    return leaseId === undefined ? undefined : this.#ledger.held.get(leaseId);
  }

  /** The key of a registration that stands is there, on its lease, unless somebody else has just revoked that. */
  #checkStanding(key: string, registration: Registration): void {
    const { leaseId } = registration;
    if (!registration.isRegistered() || leaseId === undefined) return;
    const { lessor } = this.#cluster;
    if (lessor.get(leaseId) === undefined) return; // the ledger judges whether that may be
    if (lessor.keys.get(key)?.leaseId !== leaseId) throw new Error(`${key} does not stand on lease ${String(leaseId)}`);
  }

  /** Looks at a lease that was just granted. */
  #take(held: Held): void {
    const { lease } = held;
    lease.signal.addEventListener('abort', () => {
      this.#mayThrow();
    });
    lease.signal.addEventListener('abort', () => {
      if (lease.isAlive()) this.#ledger.fail(`the signal of lease ${String(lease.leaseId)} fired and it is alive`);
    });
  }

  #mayThrow(): void {
    if (!this.#rng.chance(0.1)) return;
    this.thrown += 1;
    throw new ListenerFault('a listener of the application failed');
  }

  #track(what: string, promise: Promise<void>, timeoutMs: number, codes: readonly string[]): void {
    this.#say(what);
    const { time, crashes } = this.#world;
    const limitMs = time.monotonicMs + timeoutMs + GRACE_MS;
    const call: Call = { what, limitMs, crashes, stoppedMs: this.#world.stoppedMs() };
    this.#calls.add(call);
    promise.then(
      () => {
        this.#calls.delete(call);
      },
      (error: unknown) => {
        this.#calls.delete(call);
        this.#say(`  ${what}: ${error instanceof EtcdError ? error.code : String(error)}`);
        const isHalted = error instanceof EtcdError && error.code === 'lease-ended' && this.#world.mayHalt();
        if (!(error instanceof EtcdError) || !(codes.includes(error.code) || isHalted))
          this.#ledger.fail(`${what} failed: ${String(error)}`);
      },
    );
  }

  #options(): { ttlSeconds: number; intervalMs: number | undefined; timeoutMs: number; signal?: AbortSignal } {
    const rng = this.#rng;
    const timeoutMs = rng.pick([500, 3_000, CALL_TIMEOUT_MS]);
    const options = {
      ttlSeconds: rng.pick([1, 2, 3, 5, 10, 15, 20]),
      intervalMs: rng.chance(0.3) ? rng.pick([50, 400, 3_000, 30_000]) : undefined,
      timeoutMs,
    };
    if (!rng.chance(0.3)) return options;
    const abort = new AbortController();
    this.#aborts.add(abort);
    this.#world.time.after(15_000, () => this.#aborts.delete(abort));
    return { ...options, signal: abort.signal };
  }

  #some(): Held | undefined {
    const { living } = this.#ledger;
    return living.length === 0 ? undefined : this.#rng.pick(living);
  }

  #name(text: string): string {
    this.#number += 1;
    return `#${String(this.#number)} ${text}`;
  }

  /** Small, so that some are taken. */
  #chosenId(): bigint {
    return BigInt(this.#rng.integer(1, 12));
  }

  #foreignId(): bigint {
    this.#number += 1;
    return BigInt(this.#rng.pick([-1, 1])) * BigInt(1_000 + this.#number);
  }
}
