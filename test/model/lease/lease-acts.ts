/** Leases, used in every way: granted, kept, observed, given back, and lost by what others do to them. */
import { CALL_TIMEOUT_MS, TROUBLE, type Actor, type Acts } from './actor.js';
import type { Held } from './lease-ledger.js';

const MOST_LEASES = 25;

export class LeaseActs {
  readonly #actor: Actor;

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  readonly acts: Acts = {
    grant: () => {
      if (this.#actor.ledger.living.length > MOST_LEASES) return;
      const leaseId = this.#actor.rng.chance(0.2) ? this.#chosenId() : undefined;
      const options = { ...this.#actor.options(), ...(leaseId === undefined ? undefined : { leaseId }) };
      const what = this.#actor.name(
        `grant ${String(options.ttlSeconds)} s ${leaseId === undefined ? '' : String(leaseId)}`,
      );
      const asked = this.#actor.etcd.leases.grant(options).then((lease) => {
        this.#actor.say(`  ${what} is ${String(lease.leaseId)}`);
        this.#take(this.#actor.ledger.take(lease));
      });
      this.#actor.track(what, asked, options.timeoutMs, [
        ...TROUBLE,
        ...(leaseId === undefined ? [] : ['lease-exists']),
      ]);
    },
    'grant many': () => {
      if (this.#actor.ledger.living.length > MOST_LEASES) return;
      const count = this.#actor.rng.integer(2, 6);
      const what = this.#actor.name(`grant ${String(count)}`);
      let progress = 0;
      const options = {
        ...this.#actor.options(),
        onProgress: (answered: number) => {
          if (answered <= progress || answered > count)
            this.#actor.ledger.fail(`${what}: progress ${String(answered)}`);
          progress = answered;
          this.#actor.mayThrow();
        },
      };
      const asked = this.#actor.etcd.leases.grantMany(count, options).then((many) => {
        for (const lease of many) this.#take(this.#actor.ledger.take(lease));
        many.onEnded(() => {
          this.#actor.mayThrow();
        });
        many.onEnded((end) => {
          const held = this.#actor.ledger.held.get(end.leaseId);
          if (held !== undefined && held.ends.length > 0)
            this.#actor.ledger.fail(`${what}: ${String(end.leaseId)} ended late or twice`);
        });
      });
      this.#actor.track(what, asked, options.timeoutMs, TROUBLE);
    },
    'keep alive': () => {
      const isThere = this.#actor.rng.chance(0.8);
      const leaseId = this.#foreignId();
      const { time, lessor } = this.#actor.cluster;
      if (isThere) lessor.grant(leaseId, this.#actor.rng.integer(2, 20), time.trueMs);
      const what = this.#actor.name(`keep ${String(leaseId)} ${isThere ? '' : '(not there)'}`);
      this.#actor.track(what, this.#keep(leaseId), CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
      if (!this.#actor.rng.chance(0.3)) return;
      const again = this.#keep(leaseId);
      this.#actor.track(`${what}, again`, again, 2 * CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
    },
    'set an interval': () => {
      const held = this.#actor.some();
      if (held === undefined) return;
      const intervalMs = this.#actor.rng.pick([50, 500, 5_000]);
      const what = this.#actor.name(`renew ${String(held.lease.leaseId)} every ${String(intervalMs)} ms`);
      const asked = this.#actor.etcd.leases.keepAlive(held.lease.leaseId, { intervalMs }).then((lease) => {
        this.#actor.ledger.take(lease);
      });
      this.#actor.track(what, asked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found', 'lease-ended']);
    },
    revoke: () => {
      const held = this.#actor.some();
      if (held !== undefined) this.#revoke(held);
    },
    'revoke by id': () => {
      const held = this.#actor.some();
      if (held === undefined) return;
      const { lease } = held;
      const { leaseId } = lease;
      this.#actor.ledger.revoking(held);
      const what = this.#actor.name(`revoke by id ${String(leaseId)}`);
      this.#actor.track(
        what,
        this.#actor.noting(held, this.#actor.etcd.leases.revoke(this.#actor.rng.chance(0.5) ? leaseId : lease)),
        CALL_TIMEOUT_MS,
        [...TROUBLE, 'lease-not-found', 'lease-ended'],
      );
    },
    'revoke what was released': () => {
      const released = [...this.#actor.ledger.held.values()].filter(({ releasedMs }) => releasedMs !== undefined);
      if (released.length === 0) return;
      const held = this.#actor.rng.pick(released.slice(-3));
      this.#actor.ledger.revoking(held);
      const what = this.#actor.name(`revoke the released ${String(held.lease.leaseId)}`);
      const revoked = this.#actor.noting(held, this.#actor.etcd.leases.revoke(held.lease.leaseId));
      this.#actor.track(what, revoked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-not-found']);
    },
    'revoke several': () => {
      const several = this.#actor.rng.shuffled(this.#actor.ledger.living).slice(0, 3);
      if (several.length === 0) return;
      const which = several.map(({ lease }) => (this.#actor.rng.chance(0.5) ? lease : lease.leaseId));
      for (const held of several) this.#actor.ledger.revoking(held);
      const what = this.#actor.name(`revoke ${several.map(({ lease }) => String(lease.leaseId)).join(', ')}`);
      const revoked = this.#actor.etcd.leases.revoke(which).then(
        () => {
          for (const held of several) this.#actor.ledger.revoked(held, undefined);
        },
        (error: unknown) => {
          // Whose error it is, nobody says.
          for (const held of several) this.#actor.ledger.revoked(held, error);
          throw error;
        },
      );
      this.#actor.track(what, revoked, CALL_TIMEOUT_MS, [...TROUBLE, 'lease-ended']);
    },
    release: () => {
      const held = this.#actor.some();
      if (held === undefined || held.isSessions || !this.#actor.rng.chance(0.5)) return;
      this.#actor.say(`release ${String(held.lease.leaseId)}`);
      this.#actor.ledger.released(held);
      held.lease.release();
    },
    'revoked by another': () => {
      const held = this.#actor.some();
      if (held === undefined || !this.#actor.rng.chance(0.5)) return;
      this.#actor.say(`another revokes ${String(held.lease.leaseId)}`);
      const { lessor, time } = this.#actor.cluster;
      lessor.revoke(held.lease.leaseId, time.trueMs, 'revoked by another');
    },
    poison: () => {
      const held = this.#actor.some();
      if (held === undefined || !this.#actor.rng.chance(0.3)) return;
      this.#actor.say(`poison ${String(held.lease.leaseId)}`);
      this.#actor.cluster.poisoned.add(held.lease.leaseId);
    },
    abort: () => {
      const aborts = [...this.#actor.aborts];
      if (aborts.length === 0) return;
      this.#actor.say('abort');
      this.#actor.rng.pick(aborts).abort(new Error('no longer wanted'));
    },
    'observe renewals': () => {
      const held = this.#actor.some();
      if (held === undefined) return;
      held.lease.onRenewed(() => {
        this.#actor.mayThrow();
      });
      const off = held.lease.onRenewed(({ leaseId, ttlSeconds }) => {
        if (leaseId !== held.lease.leaseId || ttlSeconds < 2)
          this.#actor.ledger.fail('a renewal is told of another lease');
        if (held.ends.length > 0)
          this.#actor.ledger.fail(`lease ${String(leaseId)} is renewed, as told, after its end`);
      });
      if (this.#actor.rng.chance(0.3)) off();
    },
  };

  async #keep(leaseId: bigint): Promise<void> {
    try {
      this.#take(this.#actor.ledger.take(await this.#actor.etcd.leases.keepAlive(leaseId)));
    } catch (error) {
      this.#actor.ledger.notKept(leaseId);
      throw error;
    }
  }

  #revoke(held: Held): void {
    const timeoutMs = this.#actor.rng.pick([undefined, 500, 5_000]);
    this.#actor.ledger.revoking(held);
    const what = this.#actor.name(`revoke ${String(held.lease.leaseId)}`);
    this.#actor.track(what, this.#actor.noting(held, held.lease.revoke({ timeoutMs })), timeoutMs ?? CALL_TIMEOUT_MS, [
      ...TROUBLE,
      'lease-ended',
    ]);
  }

  /** Looks at a lease that was just granted. */
  #take(held: Held): void {
    const { lease } = held;
    lease.signal.addEventListener('abort', () => {
      this.#actor.mayThrow();
    });
    lease.signal.addEventListener('abort', () => {
      if (lease.isAlive())
        this.#actor.ledger.fail(`the signal of lease ${String(lease.leaseId)} fired and it is alive`);
    });
  }

  /** Small, so that some are taken. */
  #chosenId(): bigint {
    return BigInt(this.#actor.rng.integer(1, 12));
  }

  #foreignId(): bigint {
    return BigInt(this.#actor.rng.pick([-1, 1])) * BigInt(1_000 + this.#actor.number());
  }
}
