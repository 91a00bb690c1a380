/** Counts what a client delivers. The same few operations for every client, called as often as its interface delivers. */
import type { Latency } from './messages.js';

export class Tally {
  #events = 0;
  #lastRevision = 0;
  #expected = Number.POSITIVE_INFINITY;
  #reached: (() => void) | undefined;
  readonly #latenciesMs: number[] = [];

  get events(): number {
    return this.#events;
  }

  get lastRevision(): number {
    return this.#lastRevision;
  }

  /** `count` events arrived; the last of them had this revision. */
  add(count: number, revision: number): void {
    this.#events += count;
    if (revision > this.#lastRevision) this.#lastRevision = revision;
    if (this.#events >= this.#expected) this.#reached?.();
  }

  /** The put-to-event time of an event, from the stamp of the writer at the start of its value. */
  sample(value: Uint8Array): void {
    const now = process.hrtime.bigint();
    const stamp = Buffer.from(value.buffer, value.byteOffset, value.byteLength).readBigUInt64BE();
    this.#latenciesMs.push(Number(now - stamp) / 1e6);
  }

  /** Resolves at the `events`-th event. */
  expect(events: number): Promise<void> {
    this.#expected = events;
    return new Promise((resolve) => {
      this.#reached = resolve;
      if (this.#events >= events) resolve();
    });
  }

  latency(): Latency {
    const sorted = Float64Array.from(this.#latenciesMs).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { samples: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }
}
