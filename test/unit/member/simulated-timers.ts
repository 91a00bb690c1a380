/** Timers on a clock that the test turns; promises settle between any two of them. */
import type { Timers } from '../../../src/member/timers.js';

export class SimulatedTimers implements Timers {
  nowMs = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();
  #next = 1;

  set(callback: () => void, delayMs: number): number {
    const handle = this.#next;
    this.#next += 1;
    this.#timers.set(handle, { atMs: this.nowMs + Math.max(0, delayMs), callback });
    return handle;
  }

  clear(timer: NodeJS.Timeout | number | undefined): void {
    if (typeof timer === 'number') this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Lets so much time pass, one timer after the other. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const [due] = [...this.#timers].sort(([, a], [, b]) => a.atMs - b.atMs);
      if (due === undefined || due[1].atMs > endMs) break;
      this.#timers.delete(due[0]);
      this.nowMs = due[1].atMs;
      due[1].callback();
      await settle();
    }
    this.nowMs = endMs;
  }
}

/** Everything that promises have to do is done. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
