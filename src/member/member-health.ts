/**
 * Which members failed lately: they are tried last until their time is up, which grows with each failure. One for each
 * thread, shared by everything that looks for a member there. Pure: clock and randomness are passed in.
 */
import { backoffDelayMs, type BackoffPolicy } from '../wire/backoff.js';

/** How long a member that failed is passed over while others are there. */
const AVOID: BackoffPolicy = { initialMs: 500, maxMs: 10_000 };

/** A member that has not failed for so long begins anew. */
const FORGET_MS = 60_000;

interface Failures {
  readonly count: number;
  readonly avoidUntilMs: number;
}

export class MemberHealth {
  /** By the endpoint's text, so that it outlives a change of the list. */
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;
  readonly #random: () => number;

  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#random = random;
  }

  /** Whether the member should be passed over for now. */
  isAvoided(endpoint: string): boolean {
    const failures = this.#failures.get(endpoint);
    return failures !== undefined && failures.avoidUntilMs > this.#now();
  }

  succeeded(endpoint: string): void {
    this.#failures.delete(endpoint);
  }

  /** The member could not be reached, gave no answer, or said that it cannot serve. */
  failed(endpoint: string): void {
    const before = this.#failures.get(endpoint);
    const isOld = before === undefined || this.#now() - before.avoidUntilMs >= FORGET_MS;
    const count = isOld ? 1 : before.count + 1;
    const avoidUntilMs = this.#now() + backoffDelayMs(count, AVOID, this.#random);
    this.#failures.set(endpoint, { count, avoidUntilMs });
  }

  /** Only these are configured now. */
  keep(endpoints: readonly string[]): void {
    for (const endpoint of this.#failures.keys()) if (!endpoints.includes(endpoint)) this.#failures.delete(endpoint);
  }

  /** Places in the list in the order to try: from `first` on and around, those that failed lately last. */
  order(endpoints: readonly string[], first: number): number[] {
    const count = endpoints.length;
    const rotation = Array.from({ length: count }, (_, offset) => (first + offset) % count);
    const isAvoided = (place: number): boolean => this.isAvoided(endpoints[place] ?? '');
    return [...rotation.filter((place) => !isAvoided(place)), ...rotation.filter(isAvoided)];
  }
}
