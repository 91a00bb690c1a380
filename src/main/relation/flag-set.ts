/**
 * The flags of one hook: those that endpoints derive, and the charm's own, which are kept in the unit's state. Main thread. Notes what
 * changed, for the dispatcher's rounds.
 */
import type { JujuBackend } from './backend.js';
import { invalidOption, textRule } from '../../wire/arguments.js';
import type { RelationEndpoint } from './relation-endpoint.js';
import { readSnapshot, writeSnapshot } from './snapshot.js';

const STATE_KEY = 'etcd-vigil.flags';

/** Flags of one hook. */
export class FlagSet {
  readonly #backend: JujuBackend;
  readonly #endpoints: readonly RelationEndpoint[];
  readonly #own = new Set<string>();
  #derived: ReadonlySet<string> = new Set();
  #changes = new Set<string>();
  #clearings = 0;

  constructor(backend: JujuBackend, endpoints: readonly RelationEndpoint[]) {
    this.#backend = backend;
    this.#endpoints = endpoints;
  }

  /** How often a flag was cleared. */
  get clearings(): number {
    return this.#clearings;
  }

  /** Reads the charm's own flags and the endpoints'. */
  async load(): Promise<void> {
    for (const flag of (await readSnapshot(this.#backend, STATE_KEY)).names) this.#own.add(flag);
    this.#derived = this.#derive();
  }

  /** Writes the charm's own flags. */
  async save(): Promise<void> {
    await writeSnapshot(this.#backend, STATE_KEY, { names: [...this.#own].sort(), joined: [], hashes: {} });
  }

  has(flag: string): boolean {
    return this.#own.has(flag) || this.#derived.has(flag);
  }

  all(): readonly string[] {
    return [...this.#own, ...this.#derived].sort();
  }

  set(flag: string): void {
    this.#refuseDerived(flag, 'setFlag');
    if (this.#own.has(flag)) return;
    this.#own.add(flag);
    this.#changes.add(flag);
  }

  clear(flag: string): void {
    this.#refuseDerived(flag, 'clearFlag');
    if (!this.#own.delete(flag)) return;
    this.#changes.add(flag);
    this.#clearings += 1;
  }

  /** Notes what a handler made different in an endpoint, by publishing or reading again. */
  observe(): void {
    const derived = this.#derive();
    for (const flag of derived) if (!this.#derived.has(flag)) this.#changes.add(flag);
    for (const flag of this.#derived) {
      if (derived.has(flag)) continue;
      this.#changes.add(flag);
      this.#clearings += 1;
    }
    this.#derived = derived;
  }

  /** What changed since this was asked last. */
  takeChanges(): ReadonlySet<string> {
    const changes = this.#changes;
    this.#changes = new Set();
    return changes;
  }

  #derive(): ReadonlySet<string> {
    return new Set(this.#endpoints.flatMap((endpoint) => [...endpoint.flags]));
  }

  #refuseDerived(flag: string, what: string): void {
    textRule(flag, `${what}: flag`);
    const owner = this.#endpoints.find((endpoint) => endpoint.ownFlags.includes(flag));
    if (owner !== undefined)
      throw invalidOption(`${what}: '${flag}' is derived by endpoint '${owner.name}' from its relation data`);
  }
}
