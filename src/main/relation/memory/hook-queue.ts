/**
 * The hooks that wait in a model in memory: first in, first out for each unit, one at a time for each unit, and across units in the
 * order they were queued. Main thread; pure.
 */
import type { HookEvent } from './hook-event.js';

interface Entry {
  readonly order: number;
  readonly event: HookEvent;
}

/** All hooks to come of one model. */
export class HookQueue {
  readonly #entries = new Map<string, Entry[]>();
  /** Units whose first hook runs. */
  readonly #running = new Set<string>();
  #order = 0;

  /** What waits or runs, in order. */
  get pending(): readonly HookEvent[] {
    return [...this.#entries.values()]
      .flat()
      .sort((left, right) => left.order - right.order)
      .map(({ event }) => event);
  }

  push(event: HookEvent): void {
    const entries = this.#entries.get(event.unit) ?? [];
    this.#entries.set(event.unit, entries);
    this.#order += 1;
    entries.push({ order: this.#order, event });
  }

  /** The oldest hook of a unit that runs none; of `unit` when given. It stays first until {@link finish}. */
  take(unit: string | undefined): HookEvent | undefined {
    let first: Entry | undefined;
    for (const [name, [head]] of this.#entries) {
      if (head === undefined || this.#running.has(name) || (unit !== undefined && name !== unit)) continue;
      if (first === undefined || head.order < first.order) first = head;
    }
    if (first !== undefined) this.#running.add(first.event.unit);
    return first?.event;
  }

  /** The running hook of a unit has ended: it goes when it succeeded, and is taken again when it did not. */
  finish(unit: string, succeeded: boolean): void {
    if (!this.#running.delete(unit)) return;
    if (succeeded) this.#entries.get(unit)?.shift();
  }

  /** The hooks of a unit that have not begun. */
  waiting(unit: string): readonly HookEvent[] {
    const entries = this.#entries.get(unit) ?? [];
    return entries.slice(this.#running.has(unit) ? 1 : 0).map(({ event }) => event);
  }

  /** Takes back hooks of a unit that have not begun. @returns how many. */
  drop(unit: string, which: (event: HookEvent) => boolean): number {
    const entries = this.#entries.get(unit) ?? [];
    const running = this.#running.has(unit) ? 1 : 0;
    const kept = entries.filter(({ event }, index) => index < running || !which(event));
    this.#entries.set(unit, kept);
    return entries.length - kept.length;
  }
}
