/** When a shard has crashed too often to be replaced again. Pure: the clock is passed in. */

const LIMIT = 5;
const WINDOW_MS = 60_000;

export class CrashCount {
  readonly #now: () => number;
  #times: number[] = [];
  /** Since one was ready. Starts that take too long do not fall into one window. */
  #sinceReady = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  ready(): void {
    this.#sinceReady = 0;
  }

  /** Counts a crash. True when it was one too many: five within a minute, or five without one that became ready. */
  add(): boolean {
    this.#sinceReady += 1;
    const now = this.#now();
    this.#times = [...this.#times.filter((time) => now - time < WINDOW_MS), now];
    return this.#times.length >= LIMIT || this.#sinceReady >= LIMIT;
  }
}
