/** Sessions and registered keys: opened, changed and closed, and what they must tell and hold. */
import type { LeaseSession } from '../../../src/main/lease/lease-session.js';
import type { Registration } from '../../../src/main/lease/lease-registration.js';
import { CALL_TIMEOUT_MS, TROUBLE, type Actor, type Acts } from './actor.js';
import type { Held } from './lease-ledger.js';

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
const MOST_SESSIONS = 4;

export class SessionActs {
  readonly #actor: Actor;
  readonly #sessions = new Set<OpenSession>();
  readonly #registrations = new Set<OpenRegistration>();

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  /** What holds at every moment. @throws Error */
  check(): void {
    for (const { session } of this.#sessions) {
      if (session.lease?.isAlive() === false) throw new Error('a session offers a lease that is not alive');
    }
    for (const { registration, key } of this.#registrations)
      if (registration !== undefined) this.#checkStanding(key, registration);
  }

  /** After a long calm. @throws Error */
  checkCalm(): void {
    for (const { name, session, last, leaseId } of this.#sessions) {
      // One whose lease was given back by somebody else than the session holds none any more.
      if (this.#actor.heldBy(leaseId)?.ends[0]?.reason === 'released') continue;
      if (session.lease === undefined) throw new Error(`${name} has no lease after a minute of calm`);
      if (last !== undefined && last !== 'granted') throw new Error(`${name} holds a lease and told '${last}' last`);
    }
    for (const { key, value, registration } of this.#registrations) {
      if (registration === undefined) throw new Error(`${key} is not registered after a minute of calm`);
      if (!registration.isRegistered()) throw new Error(`${key} does not stand after a minute of calm`);
      const stands = this.#actor.cluster.lessor.keys.get(key);
      if (stands?.value !== value) throw new Error(`${key} is '${String(stands?.value)}', not '${value}'`);
    }
  }

  /** Leases that no ledger knows. */
  get registeredLeases(): Set<bigint> {
    return new Set([...this.#registrations].flatMap(({ registration }) => registration?.leaseId ?? []));
  }

  /** Closes some of what is open, in the orderly way. */
  leave(): void {
    for (const open of [...this.#sessions]) if (this.#actor.rng.chance(0.5)) this.#closeSession(open);
    for (const open of [...this.#registrations]) if (this.#actor.rng.chance(0.5)) this.#closeRegistration(open);
  }

  /** @throws Error */
  checkClosed(): void {
    for (const { name, session } of this.#sessions)
      if (session.lease !== undefined) throw new Error(`${name} has a lease after close()`);
  }

  readonly acts: Acts = {
    session: () => {
      if (this.#sessions.size >= MOST_SESSIONS) return;
      const { ttlSeconds, intervalMs } = this.#actor.options();
      const name = this.#actor.name(`session ${String(ttlSeconds)} s`);
      const session = this.#actor.etcd.leases.session({ ttlSeconds, intervalMs });
      const open: OpenSession = { name, session, last: undefined, leaseId: undefined };
      session.on(() => {
        this.#actor.mayThrow();
      });
      session.on((event) => {
        this.#actor.say(`  ${name}: ${event.type}`);
        if (event.type === 'granted') {
          this.#actor.ledger.take(event.lease, true);
          open.leaseId = event.lease.leaseId;
        }
        if (event.type === 'lost' && open.last !== 'granted') this.#actor.ledger.fail(`${name} lost what it had not`);
        if (event.type === 'granted' && open.last === 'granted') this.#actor.ledger.fail(`${name} has two leases`);
        open.last = event.type;
      });
      this.#sessions.add(open);
      session.ready.catch(() => undefined);
    },
    'close a session': () => {
      const open = [...this.#sessions];
      if (open.length > 0 && this.#actor.rng.chance(0.4)) this.#closeSession(this.#actor.rng.pick(open));
    },
    register: () => {
      if (this.#registrations.size >= MOST_SESSIONS) return;
      const key = this.#actor.name('key').replaceAll(' ', '-');
      const abort = new AbortController();
      const open: OpenRegistration = { key, value: 'first', registration: undefined, abort };
      this.#registrations.add(open);
      const { ttlSeconds, intervalMs } = this.#actor.options();
      const asked = this.#actor.etcd.leases
        .register(key, open.value, { ttlSeconds, intervalMs, signal: abort.signal })
        .then(
          (registration) => {
            open.registration = registration;
            registration.on(() => {
              this.#actor.mayThrow();
            });
          },
          (error: unknown) => {
            this.#registrations.delete(open);
            throw error;
          },
        );
      this.#actor.track(`register ${key}`, asked, Infinity, [
        'aborted',
        'closed',
        'permission-denied',
        'invalid-argument',
      ]);
    },
    update: () => {
      const open = [...this.#registrations].filter(({ registration }) => registration !== undefined);
      if (open.length === 0) return;
      const one = this.#actor.rng.pick(open);
      one.value = this.#actor.name('value');
      this.#actor.say(`update ${one.key}`);
      one.registration?.update(one.value);
    },
    'close a registration': () => {
      const open = [...this.#registrations].filter(({ registration }) => registration !== undefined);
      if (open.length > 0 && this.#actor.rng.chance(0.3)) this.#closeRegistration(this.#actor.rng.pick(open));
    },
  };

  #closeSession(open: OpenSession): void {
    this.#sessions.delete(open);
    // Also one past its deadline whose end has not been told yet: `session.lease` gives it no more.
    const newest = this.#actor.heldBy(open.leaseId);
    const held = newest?.ends.length === 0 ? newest : undefined;
    if (this.#actor.rng.chance(0.3)) {
      this.#actor.say(`release ${open.name}`);
      if (held !== undefined) this.#actor.ledger.released(held);
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
      if (stood && this.#actor.cluster.lessor.keys.has(key)) this.#actor.ledger.fail(`${key} is there after close()`);
    });
  }

  #close(what: string, held: Held | undefined, close: () => Promise<void>): void {
    if (held !== undefined) this.#actor.ledger.revoking(held);
    const closed = held === undefined ? close() : this.#actor.noting(held, close());
    this.#actor.track(this.#actor.name(what), closed, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-ended']);
  }

  /** The key of a registration that stands is there, on its lease, unless somebody else has just revoked that. */
  #checkStanding(key: string, registration: Registration): void {
    const { leaseId } = registration;
    if (!registration.isRegistered() || leaseId === undefined) return;
    const { lessor } = this.#actor.cluster;
    if (lessor.get(leaseId) === undefined) return; // the ledger judges whether that may be
    if (lessor.keys.get(key)?.leaseId !== leaseId) throw new Error(`${key} does not stand on lease ${String(leaseId)}`);
  }
}
