/**
 * Which member takes the next attempt, and whether there is a next attempt at all. Main thread; pure: the clock and
 * randomness are passed in.
 *
 * The rule that protects writes (a write repeated after it was applied is the commonest defect of etcd clients): a write is
 * tried again only when it provably was not applied. That is so when
 * - nothing was sent: no connection could be made (`not-sent`);
 * - HTTP/2 says that the stream was never processed (REFUSED_STREAM, or a GOAWAY below the stream), told as `refused` with
 *   code `unavailable`;
 * - the member refused before looking at the request: `etcdserver: no leader` comes from the interceptor in front of every
 *   handler (asked for with `hasleader`), `rpc not supported for learner` from the same place.
 * Everything else that looks like "unavailable" (a broken connection, `request timed out`, `leader changed`, a server that
 * stops, a proxy's 503) may come after raft has the proposal, so the write ends there with outcome `unknown`.
 */
import { backoffDelayMs, type BackoffPolicy } from '../../wire/backoff.js';
import type { EtcdError } from '../../wire/errors.js';
import { isLearnerRefusal } from '../../wire/server-errors.js';

/** How long a member that failed is passed over while others are there. */
const AVOID: BackoffPolicy = { initialMs: 500, maxMs: 10_000 };

/** Whether the call may be tried again, on this member or another. */
export function mayTryAgain(error: EtcdError, repeatable: boolean): boolean {
  if (isLearnerRefusal(error)) return true;
  // Asked before anything was sent; the others may well be of the right cluster.
  if (error.code === 'cluster-mismatch') return true;
  const isPassing = error.code === 'unavailable' || error.code === 'no-leader';
  return isPassing && (repeatable || error.outcome === 'not-sent' || error.outcome === 'refused');
}

/** Whether the request of a failed attempt may have been applied, or may yet be. */
export function mayBeApplied({ outcome }: EtcdError): boolean {
  return outcome !== 'not-sent' && outcome !== 'refused';
}

interface Health {
  failures: number;
  avoidUntilMs: number;
}

/** Round-robin over the members, those that failed lately last. */
export class Failover {
  readonly #health: Health[];
  readonly #now: () => number;
  readonly #random: () => number;
  #next = 0;

  constructor(memberCount: number, now: () => number, random: () => number) {
    this.#health = Array.from({ length: memberCount }, () => ({ failures: 0, avoidUntilMs: 0 }));
    this.#now = now;
    this.#random = random;
  }

  /** The members in the order in which a new call should try them. Each call begins one further. */
  order(): number[] {
    const count = this.#health.length;
    const first = this.#next;
    this.#next = (first + 1) % count;
    const now = this.#now();
    const rotation = Array.from({ length: count }, (_, offset) => (first + offset) % count);
    const isAvoided = (member: number): boolean => (this.#health[member]?.avoidUntilMs ?? 0) > now;
    return [...rotation.filter((member) => !isAvoided(member)), ...rotation.filter(isAvoided)];
  }

  /** Whether the member should be passed over for now. */
  isAvoided(member: number): boolean {
    return (this.#health[member]?.avoidUntilMs ?? 0) > this.#now();
  }

  succeeded(member: number): void {
    const health = this.#health[member];
    if (health === undefined || health.failures === 0) return;
    health.failures = 0;
    health.avoidUntilMs = 0;
  }

  /** The member could not be reached, gave no answer, or said that it cannot serve. */
  failed(member: number): void {
    const health = this.#health[member];
    if (health === undefined) return;
    health.failures += 1;
    health.avoidUntilMs = this.#now() + backoffDelayMs(health.failures, AVOID, this.#random);
  }
}
