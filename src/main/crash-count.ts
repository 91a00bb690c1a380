/** When a shard has crashed too often to be replaced again. Pure: the clock is passed in. */

const LIMIT = 5;
const WINDOW_MS = 60_000;

export class CrashCount {
  readonly #now: () => number;
  #times: number[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts a crash. True when it was one too many: five within a minute. */
  add(): boolean {
    const now = this.#now();
    this.#times = [...this.#times.filter((time) => now - time < WINDOW_MS), now];
    return this.#times.length >= LIMIT;
  }
}
