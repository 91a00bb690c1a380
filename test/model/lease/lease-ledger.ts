/**
 * What must hold for every lease at every moment, whatever happens around it: kept beside the code under test, from what the
 * servers did and what the application was told. Throws at the first thing that is not so.
 */
import type { Lease } from '../../../src/main/lease/lease.js';
import type { LeaseEnd } from '../../../src/main/lease/lease-end.js';
import { EtcdError } from '../../../src/wire/errors.js';
import type { ClusterObserver, FakeCluster } from './fake-cluster.js';
import type { ServerLease } from './fake-lessor.js';
import type { SimulatedTime } from './simulated-time.js';

/** Rounding of sums of doubles. */
const EPSILON_MS = 0.01;
/** Deadlines may come forward by so much with each sleep, of which /proc/uptime tells the hundredths of a second. */
const SLEEP_EPSILON_MS = 25;
const UPTIME_STEPS_MS = 21;
/** From the moment the application gives a lease back until the shard has heard of it. */
const TELLING_MS = 20;
/** A lease whose deadline has passed is told as ended within this, where the threads run. */
const END_TOLD_MS = 3_000;
/** From the end of all trouble until every lease is renewed again, without what a stream's patience adds. */
const RECOVERY_MS = 6_000;

/** One lease as the application holds it. */
export interface Held {
  readonly lease: Lease;
  /** On the server, as it was when the application got it; another one may have its id later. */
  readonly server: ServerLease | undefined;
  /** A revocation of its id was on its way since before it was granted, meant for the one that was released then. */
  readonly mayBeHit: boolean;
  /** A session's: whoever releases it ends the session. */
  readonly isSessions: boolean;
  readonly ends: LeaseEnd[];
  /** When it was given back, on the monotonic clock. */
  releasedMs: number | undefined;
  /** Revocations of the application that are on their way. */
  revoking: number;
  revokedMs: number | undefined;
  /** When the last revocation was answered, on the true clock. */
  answeredMs: number | undefined;
  endedMs: number | undefined;
  /** It has been seen dead, so it must stay so. On a clock that stands still while no thread runs. */
  deadSinceMs: number | undefined;
}

export class Violation extends Error {}

/** Time in which things could not go well, as far as the model brought it about. */
export interface Trouble {
  /** On the true clock; the present moment while it lasts. */
  lastMs(): number;
  /** The machine slept, or a thread hung for too long, since the world began. */
  mayHalt(): boolean;
  /** How often the machine slept. */
  sleeps(): number;
  /** Total of the time in which no thread ran. */
  stoppedMs(): number;
  /** When a clock was last set that may as well have slept: deadlines of what was sent before are brought forward. -Infinity: never. */
  waryMs(): number;
}

export class LeaseLedger implements ClusterObserver {
  cluster!: FakeCluster; // set right after both were made
  readonly held = new Map<bigint, Held>();
  readonly connects: number[] = [];
  readonly streams: number[] = [];
  /** Leases by when a renewal of them was last written. */
  readonly renewedMs = new Map<bigint, number>();
  engine: 'open' | 'closing' | 'closed' = 'open';
  /** What is told to be wrong while others' code runs, and thrown when it is back. */
  #violation: Violation | undefined;
  readonly #time: SimulatedTime;
  readonly #trouble: Trouble;
  /** The latest moment to which any answer that was read reaches: sent plus TTL, on the true clock. */
  readonly #boundMs = new Map<bigint, number>();
  /** The same without answers that came when the lease may have been over already. */
  readonly #surelyMs = new Map<bigint, number>();
  /** When a hold of an id was last over, on the true clock: the next one renews at once, whatever that one left on its way. */
  readonly #overMs = new Map<bigint, number>();
  /** When the grant that was answered last was sent. */
  readonly #grantedMs = new Map<bigint, number>();
  readonly #denied = new Map<bigint, 'unknown' | 'refused'>();
  #answers = 0;

  constructor(time: SimulatedTime, trouble: Trouble) {
    this.#time = time;
    this.#trouble = trouble;
  }

  get answers(): number {
    return this.#answers;
  }

  /** In the last third of its time a lease is renewed once more apart from the others, however young the renewal on its way is. */
  #isUrgent(leaseId: bigint, ttlSeconds: number): boolean {
    const boundMs = this.#boundMs.get(leaseId);
    return boundMs !== undefined && boundMs - this.#time.trueMs < (ttlSeconds * 1_000) / 3 + this.#slackMs;
  }

  get #slackMs(): number {
    return EPSILON_MS + SLEEP_EPSILON_MS * this.#trouble.sleeps();
  }

  /** Until the shard has looked, the main thread may count on a step of the uptime too much. */
  get #excessMs(): number {
    return this.#trouble.sleeps() > 0 ? UPTIME_STEPS_MS : EPSILON_MS;
  }

  // What passes on the network.

  connecting(): void {
    this.connects.push(this.#time.monotonicMs);
    this.#mustBeOpen('a connection was opened');
  }

  streaming(): void {
    this.streams.push(this.#time.monotonicMs);
    this.#mustBeOpen('a stream was opened');
  }

  renewalWritten(leaseId: bigint): void {
    const nowMs = this.#time.monotonicMs;
    this.renewedMs.set(leaseId, nowMs);
    this.#mustBeOpen('a renewal was sent');
    const ttlSeconds = this.cluster.lessor.get(leaseId)?.ttlSeconds ?? 0;
    const patienceMs = this.#isUrgent(leaseId, ttlSeconds) ? 0 : Math.max(1_000, (ttlSeconds * 1_000) / 6);
    // A clock that was set may have looked like a sleep, in which the time of what was sent had passed.
    const countsMs = Math.max(this.#overMs.get(leaseId) ?? -Infinity, this.#trouble.waryMs());
    for (const connection of this.cluster.connections) {
      for (const stream of connection.streams) {
        for (const other of stream.unanswered) {
          if (other.leaseId !== leaseId || other.sentMs <= countsMs) continue;
          if (this.#time.trueMs - other.sentMs < patienceMs - this.#slackMs)
            this.fail(
              `lease ${leaseId} is renewed while a renewal of it is on its way for ${this.#time.trueMs - other.sentMs} of ${patienceMs} ms`,
            );
        }
      }
    }
    const held = this.held.get(leaseId);
    if (held === undefined) return;
    const { releasedMs, revokedMs, endedMs, ends } = held;
    if (releasedMs !== undefined && nowMs > releasedMs + TELLING_MS)
      this.fail(`lease ${leaseId} is renewed after its release`);
    if (revokedMs !== undefined && nowMs > revokedMs + TELLING_MS)
      this.fail(`lease ${leaseId} is renewed after it was to be revoked`);
    // Closing its engine ends a lease before its shard hears of it.
    const grantedMs = ends[0]?.reason === 'released' ? TELLING_MS : 0;
    if (endedMs !== undefined && nowMs > endedMs + grantedMs) this.fail(`lease ${leaseId} is renewed after its end`);
  }

  arrived(): void {
    // The moments of the client are what counts.
  }

  denied(leaseId: bigint, why: 'unknown' | 'refused'): void {
    this.#denied.set(leaseId, why);
  }

  answerRead(kind: 'grant' | 'renewal', leaseId: bigint, sentMs: number, ttlSeconds: number): void {
    this.#answers += 1;
    const reachMs = sentMs + ttlSeconds * 1_000;
    const held = this.held.get(leaseId);
    if (kind === 'grant') {
      // Maybe of an id that had a lease before: what was known of that counts no longer.
      this.#grantedMs.set(leaseId, sentMs);
      this.#boundMs.set(leaseId, reachMs);
      this.#surelyMs.set(leaseId, reachMs);
    } else {
      if (sentMs < (this.#grantedMs.get(leaseId) ?? 0)) return;
      const boundMs = Math.max(this.#boundMs.get(leaseId) ?? 0, reachMs);
      const surelyMs = this.#surelyMs.get(leaseId) ?? 0;
      // An answer to what was to be revoked meanwhile is not taken.
      const isWanted = held?.revokedMs === undefined;
      const livesOn = isWanted && (this.#time.trueMs < surelyMs - this.#slackMs || held?.lease.isAlive() === true);
      if (livesOn) this.#surelyMs.set(leaseId, boundMs);
      this.#boundMs.set(leaseId, boundMs);
    }
    const boundMs = this.#boundMs.get(leaseId) ?? 0;
    if (kind === 'grant' || held === undefined || !held.lease.isAlive()) return;
    if (this.#isWary(boundMs, ttlSeconds)) return;
    const claimMs = this.#time.trueMs + held.lease.remainingMs;
    if (Math.abs(claimMs - boundMs) > this.#slackMs)
      this.fail(
        `lease ${leaseId} counts on ${claimMs}, which is not ${boundMs}: the send time of an answered renewal plus TTL`,
      );
  }

  // What the application does and is told.

  take(lease: Lease, isSessions = false): Held {
    const before = this.held.get(lease.leaseId);
    if (before?.lease === lease) return before;
    if (before !== undefined && before.ends.length === 0 && before.revoking === 0)
      this.fail(`lease ${lease.leaseId} is held twice`);
    const server = this.cluster.lessor.get(lease.leaseId);
    const held: Held = {
      lease,
      server,
      mayBeHit: this.#mayBeHit(before),
      isSessions,
      ends: [],
      releasedMs: undefined,
      revoking: 0,
      revokedMs: undefined,
      answeredMs: undefined,
      endedMs: undefined,
      deadSinceMs: undefined,
    };
    this.held.set(lease.leaseId, held);
    void lease.ended.then((end) => {
      this.#ended(held, end);
    });
    return held;
  }

  /** A lease was not kept alive after all, so another call that wanted it begins anew. */
  notKept(leaseId: bigint): void {
    if (this.held.get(leaseId)?.lease.isAlive() !== true) this.#overMs.set(leaseId, this.#time.trueMs);
  }

  released(held: Held): void {
    held.releasedMs ??= this.#time.monotonicMs;
  }

  revoking(held: Held): void {
    held.revoking += 1;
    held.revokedMs ??= this.#time.monotonicMs;
  }

  revoked(held: Held, error: unknown): void {
    held.revoking -= 1;
    held.answeredMs = this.#time.trueMs;
    if (error === undefined) {
      if (this.#isThere(held.lease.leaseId) && !this.ghosts.has(held.lease.leaseId))
        this.fail(`lease ${held.lease.leaseId} was revoked and the server still has it`);
    }
  }

  /** Ids of which a grant may arrive late, after everything else of them. */
  readonly ghosts = new Set<bigint>();

  get living(): Held[] {
    return [...this.held.values()].filter(({ lease, ends }) => ends.length === 0 && lease.isAlive());
  }

  fail(message: string): void {
    this.#violation ??= new Violation(message);
  }

  /** @throws Violation */
  check(): void {
    this.cluster.lessor.expire(this.#time.trueMs);
    for (const held of this.held.values()) if (held.ends.length === 0) this.#checkHeld(held);
    if (this.#violation !== undefined) throw this.#violation;
  }

  /**
   * After a long calm: what is renewed is held, and what is held is there.
   *
   * @param others held in another way. @throws Violation
   */
  checkCalm(others: ReadonlySet<bigint>): void {
    const nowMs = this.#time.monotonicMs;
    const isHeld = (leaseId: bigint): boolean =>
      others.has(leaseId) || this.held.get(leaseId)?.lease.isAlive() === true;
    for (const [leaseId, renewedMs] of this.renewedMs) {
      if (nowMs - renewedMs > 10_000) continue;
      if (!isHeld(leaseId)) this.fail(`lease ${leaseId} is renewed and held by nobody`);
    }
    for (const leaseId of this.cluster.lessor.ids) {
      if (!isHeld(leaseId)) this.fail(`lease ${leaseId} lives on and is held by nobody`);
    }
    this.check();
  }

  #checkHeld(held: Held): void {
    const { lease } = held;
    const { leaseId } = lease;
    if (!lease.isAlive()) {
      const ranMs = this.#time.monotonicMs - this.#trouble.stoppedMs();
      // What is to be revoked is over when it is, or has run out and nobody waits any more.
      const isTried = held.revokedMs !== undefined && this.#time.trueMs < (this.#boundMs.get(leaseId) ?? 0);
      if (held.revoking > 0 || isTried) held.deadSinceMs = ranMs;
      held.deadSinceMs ??= ranMs;
      if (ranMs - held.deadSinceMs > END_TOLD_MS) this.fail(`lease ${leaseId} is dead and its end is not told`);
      return;
    }
    if (held.deadSinceMs !== undefined && lease.remainingMs > this.#excessMs)
      this.fail(`lease ${leaseId} was not alive and is again, for ${lease.remainingMs} ms`);
    const claimMs = this.#time.trueMs + lease.remainingMs;
    const boundMs = this.#boundMs.get(leaseId) ?? 0;
    // What was read since another lease was granted under its id is of that one.
    if (claimMs > boundMs + this.#excessMs && !this.#isSuperseded(held))
      this.fail(`lease ${leaseId} counts on ${claimMs}, the answers read reach to ${boundMs}`);
    const server = held.server ?? this.cluster.lessor.get(leaseId);
    if (server !== undefined && server.removed === undefined) {
      if (this.cluster.lessor.hasLeader && claimMs > server.expiryMs + this.#excessMs)
        this.fail(`lease ${leaseId} counts on ${claimMs}, the server on ${server.expiryMs}`);
    } else {
      const removal = server?.removed ?? this.cluster.lessor.removal(leaseId);
      const isOurs = removal === 'revoked' && (held.revokedMs !== undefined || held.mayBeHit);
      if (removal !== 'revoked by another' && !isOurs)
        this.fail(`lease ${leaseId} is alive here and gone on the server: ${String(removal)}`);
    }
  }

  #ended(held: Held, end: LeaseEnd): void {
    const { leaseId } = held.lease;
    held.ends.push(end);
    held.endedMs ??= this.#time.monotonicMs;
    this.#overMs.set(leaseId, this.#time.trueMs);
    if (end.leaseId !== leaseId) this.fail(`lease ${leaseId} got the end of ${end.leaseId}`);
    if (held.ends.length > 1) this.fail(`lease ${leaseId} ended twice`);
    if (held.lease.isAlive()) this.fail(`lease ${leaseId} ended and is alive`);
    const why = this.#whyNot(held, end);
    if (why !== undefined) this.fail(`lease ${leaseId} ended as ${end.reason}: ${why}`);
  }

  /** What speaks against this end. */
  #whyNot(held: Held, { reason, error }: LeaseEnd): string | undefined {
    const { leaseId } = held.lease;
    switch (reason) {
      case 'revoked':
        if (held.revokedMs === undefined && !held.mayBeHit) return 'nobody revoked it';
        return this.#isThere(leaseId) && !this.ghosts.has(leaseId) ? 'the server still has it' : undefined;
      case 'released':
        // A revocation that the server refuses ends it too, even if its caller has stopped waiting by then.
        if (held.revokedMs !== undefined && isRefusal(error)) return undefined;
        return held.releasedMs === undefined && this.engine === 'open' ? 'nobody released it' : undefined;
      case 'lost': {
        if (this.#isSuperseded(held)) return undefined;
        const denied = this.#denied.get(leaseId);
        if (denied === undefined) return 'the server never denied it';
        return (denied === 'refused') !== (error !== undefined) ? `${denied}, with ${String(error)}` : undefined;
      }
      case 'halted':
        return this.#trouble.mayHalt() ? undefined : 'nothing hung and nothing slept';
      case 'expired': {
        const boundMs = this.#surelyMs.get(leaseId) ?? 0;
        if (this.#isWary(boundMs, held.lease.ttlSeconds)) return undefined;
        if (this.#time.trueMs < boundMs - this.#slackMs) return 'its deadline lies ahead';
        const needsMs = RECOVERY_MS + (held.lease.ttlSeconds * 1_000) / 6;
        // Not renewed in time, although everything worked for long enough.
        return this.#trouble.lastMs() < boundMs - needsMs ? 'nothing kept it from being renewed' : undefined;
      }
      default:
        return reason satisfies never;
    }
  }

  /** Whether this deadline may have been brought forward by a sleep that was none. */
  #isWary(boundMs: number, ttlSeconds: number): boolean {
    return boundMs - ttlSeconds * 1_000 <= this.#trouble.waryMs();
  }

  #mayBeHit(before: Held | undefined): boolean {
    if (before?.releasedMs === undefined) return false;
    return before.revoking > 0 || (before.answeredMs ?? -Infinity) >= (this.#grantedMs.get(before.lease.leaseId) ?? 0);
  }

  /** Whether another lease has been granted under its id, which tells that it is gone. */
  #isSuperseded({ lease, server }: Held): boolean {
    return server?.removed !== undefined && this.#isThere(lease.leaseId);
  }

  #isThere(leaseId: bigint): boolean {
    this.cluster.lessor.expire(this.#time.trueMs);
    return this.cluster.lessor.get(leaseId) !== undefined;
  }

  #mustBeOpen(what: string): void {
    if (this.engine === 'closed') this.fail(`${what} after the engine was closed`);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof EtcdError && error.outcome === 'refused';
}
