/** An application that uses every function of leases, at random, and knows what it may expect of each. */
import { Actor, TROUBLE, type ActorParts, type Acts } from './actor.js';
import { LeaseActs } from './lease-acts.js';
import { SessionActs } from './session-acts.js';

export class Application {
  readonly #actor: Actor;
  readonly #sessions: SessionActs;
  readonly #acts: Acts;

  constructor(parts: ActorParts) {
    const actor = new Actor(parts);
    this.#actor = actor;
    this.#sessions = new SessionActs(actor);
    this.#acts = { ...new LeaseActs(actor).acts, ...this.#sessions.acts, list: () => this.#list() };
  }

  /** How often a listener threw. */
  get thrown(): number {
    return this.#actor.thrown;
  }

  /** Leases that no ledger knows. */
  get registeredLeases(): Set<bigint> {
    return this.#sessions.registeredLeases;
  }

  /** Does one thing. */
  act(): void {
    const name = this.#actor.rng.pick(Object.keys(this.#acts));
    this.#acts[name]?.();
  }

  /** Every call is answered in its time, and what is offered is there. @throws Error */
  check(): void {
    this.#actor.checkCalls();
    this.#sessions.check();
  }

  /** Nothing that needs a decision is left open. */
  settle(): void {
    this.#actor.cluster.poisoned.clear();
  }

  /** After a long calm. @throws Error */
  checkCalm(): void {
    this.#sessions.checkCalm();
  }

  /** Closes some of what is open, in the orderly way. */
  async leave(): Promise<void> {
    const { world, ledger } = this.#actor;
    this.#sessions.leave();
    await world.time.run(5_000, () => {
      this.check();
      ledger.check();
    });
  }

  /** @throws Error */
  checkClosed(): void {
    this.#actor.checkClosed();
    for (const { lease, ends } of this.#actor.ledger.held.values())
      if (ends.length !== 1) throw new Error(`lease ${String(lease.leaseId)} was told ${String(ends.length)} ends`);
    this.#sessions.checkClosed();
  }

  #list(): void {
    const { etcd } = this.#actor;
    const asked = (async () => {
      for await (const leaseId of etcd.leases.list()) if (leaseId === 0n) throw new Error('a lease 0');
    })();
    this.#actor.track(this.#actor.name('list'), asked, 5_000, TROUBLE);
  }
}
