/**
 * What a hook changes for good only when it succeeds: databags, the units' states and the secrets of a model in memory. Main thread;
 * pure. A hook works on a copy, and what it did is done again on the original when it succeeds.
 */
import type { Databag, DatabagChange } from '../backend.js';
import { SecretStore } from './secret-store.js';

type Bags = Map<string, Map<string, string>>;

/** The data of one model, or a hook's copy of it. */
export class ModelData {
  readonly #bags: Bags;
  readonly #states: Bags;
  readonly secrets: SecretStore;

  constructor(bags: Bags = new Map(), states: Bags = new Map(), secrets: SecretStore = new SecretStore()) {
    this.#bags = bags;
    this.#states = states;
    this.secrets = secrets;
  }

  clone(): ModelData {
    return new ModelData(copyOf(this.#bags), copyOf(this.#states), this.secrets.clone());
  }

  /** A copy of a member's settings on a relation. */
  bag(relation: number, member: string): Databag {
    return new Map(this.#bags.get(bagKey(relation, member)));
  }

  /** @returns whether anything became different. */
  changeBag(relation: number, member: string, change: DatabagChange): boolean {
    return changeIn(this.#bags, bagKey(relation, member), change);
  }

  state(unit: string): Databag {
    return new Map(this.#states.get(unit));
  }

  changeState(unit: string, change: DatabagChange): void {
    changeIn(this.#states, unit, change);
  }

  dropRelation(relation: number): void {
    for (const key of this.#bags.keys()) if (key.startsWith(bagKey(relation, ''))) this.#bags.delete(key);
    this.secrets.dropRelation(relation);
  }
}

function bagKey(relation: number, member: string): string {
  return `${String(relation)} ${member}`;
}

function copyOf(bags: Bags): Bags {
  return new Map([...bags].map(([key, bag]) => [key, new Map(bag)]));
}

function changeIn(bags: Bags, key: string, change: DatabagChange): boolean {
  const bag = bags.get(key) ?? new Map<string, string>();
  bags.set(key, bag);
  return changeEntries(bag, change);
}

/** Changes a map as Juju does: an empty value deletes. @returns whether anything became different. */
export function changeEntries(bag: Map<string, string>, change: DatabagChange): boolean {
  let changed = false;
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === '') changed = bag.delete(name) || changed;
    else if (bag.get(name) !== value) {
      bag.set(name, value);
      changed = true;
    }
  }
  return changed;
}
