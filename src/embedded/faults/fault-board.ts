/**
 * The faults that are set, and which of them a moment meets. Server thread; pure.
 */
import type { Fault, FaultAction, FaultMoment } from './fault.js';

interface Entry {
  readonly fault: Fault;
  skipLeft: number;
  timesLeft: number;
}

export class FaultBoard {
  readonly #entries = new Map<number, Entry>();
  readonly #strikes = new Map<number, number>();
  readonly #whenCleared = new Set<() => void>();
  /** Asked at every message: a plain field. */
  active = false;

  add(id: number, fault: Fault): void {
    this.#entries.set(id, { fault, skipLeft: fault.skip ?? 0, timesLeft: fault.times ?? 1 });
    this.#strikes.set(id, 0);
    this.active = true;
  }

  remove(id: number): void {
    this.#entries.delete(id);
    this.active = this.#entries.size > 0;
  }

  /** Takes all away; what was held back is let go. */
  clear(): void {
    this.#entries.clear();
    this.active = false;
    const held = [...this.#whenCleared];
    this.#whenCleared.clear();
    for (const release of held) release();
  }

  /** Runs `release` at the next clearing; gives what calls it off. */
  onClear(release: () => void): () => void {
    this.#whenCleared.add(release);
    return () => {
      this.#whenCleared.delete(release);
    };
  }

  /** How often a fault has struck. */
  strikes(id: number): number {
    return this.#strikes.get(id) ?? 0;
  }

  /** What is to be done at this moment, in the order in which the faults were set. */
  take(rpc: string, endpoint: string, at: FaultMoment): readonly FaultAction[] {
    if (!this.active) return [];
    const actions: FaultAction[] = [];
    for (const [id, entry] of this.#entries) {
      const { fault } = entry;
      if (fault.at !== at || (fault.rpc !== rpc && fault.rpc !== '*')) continue;
      if (fault.endpoint !== undefined && fault.endpoint !== endpoint) continue;
      if (entry.skipLeft > 0) {
        entry.skipLeft -= 1;
        continue;
      }
      entry.timesLeft -= 1;
      this.#strikes.set(id, this.strikes(id) + 1);
      actions.push(fault.action);
      if (entry.timesLeft <= 0) this.remove(id);
    }
    return actions;
  }
}
