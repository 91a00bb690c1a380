/**
 * Grants and revocations of a shard: unary calls over the lease lane, a bounded number at a time, tried again until they
 * are answered or given up. An attempt of unknown outcome is repeated with the same id, which is safe for both.
 * Runs in the shard; waits for lanes and ticks, which are the engine's.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import { EtcdError, LeaseError, toEtcdError } from '../../wire/errors.js';
import { mayPass } from '../../member/failure.js';
import { isTokenError } from '../../wire/server-errors.js';
import type { LeaseEngineInit, LookAtClocks } from './engine-parts.js';
import type { Lane, LeaseLanes } from './lease-lanes.js';
import { decodeGrantTtl, encodeGrant, encodeRevoke, LEASE_GRANT_PATH, LEASE_REVOKE_PATH } from './lease-messages.js';
import type { LeaseReports } from './lease-reports.js';
import { SlotFlag, SlotState, type LeaseTable } from './lease-table.js';
import type { Renewer } from './renewer.js';

/** Calls on their way at once: enough to keep a server busy, few enough that none waits for long behind the others. */
const WINDOW = 128;
const ATTEMPT_TIMEOUT_MS = 3_000;
const RETRY = { initialMs: 50, maxMs: 1_000 } as const;

export interface LeaseCallsParts {
  readonly init: Pick<LeaseEngineInit, 'clock' | 'random' | 'credentials' | 'onCall'>;
  readonly table: LeaseTable;
  readonly reports: LeaseReports;
  readonly renewer: Renewer;
  readonly lanes: () => LeaseLanes;
  readonly look: LookAtClocks;
}

export class LeaseCalls {
  readonly #parts: LeaseCallsParts;
  readonly #table: LeaseTable;
  /** Slots in the order asked for; those in front of `#next` are done. */
  #queue: number[] = [];
  #next = 0;
  #running = 0;
  /** The last attempt that the schedule holds is due then. */
  #busyUntilMs = 0;

  constructor(parts: LeaseCallsParts) {
    this.#parts = parts;
    this.#table = parts.table;
  }

  /** Queues the call that the slot's state asks for. */
  add(slot: number): void {
    this.#table.schedule.set(slot, this.#limitMs(slot));
    this.#queue.push(slot);
  }

  /** Revokes a held lease, or gives the revocation that is tried already more time. */
  revoke(slot: number, giveUpMs: number): void {
    const table = this.#table;
    const isNew = table.state(slot) !== SlotState.Revoking;
    const isLate = table.giveUpMs[slot] === table.limitMs(slot);
    table.setFlag(slot, SlotFlag.RevokeWanted, true);
    table.setState(slot, SlotState.Revoking);
    table.stream[slot] = undefined;
    if (isNew) table.attempts[slot] = 0;
    table.giveUpMs[slot] = isNew || isLate ? giveUpMs : Math.max(giveUpMs, table.giveUpMs[slot] ?? 0);
    this.add(slot);
  }

  /** A lease that was taken for one of ours granted before is not there: it is granted after all, in what time is left. */
  regrant(slot: number): void {
    this.#table.setFlag(slot, SlotFlag.Foreign, false);
    this.#table.setState(slot, SlotState.Granting);
    this.#table.stream[slot] = undefined;
    this.add(slot);
    this.pump();
  }

  /** Whether calls wait for others to be answered. */
  get hasQueue(): boolean {
    return this.#next < this.#queue.length;
  }

  /** Whether calls wait, are on their way, or wait to be tried again. */
  isBusy(nowMs: number): boolean {
    return this.#running > 0 || this.hasQueue || nowMs < this.#busyUntilMs;
  }

  /** Starts as many calls as the window allows. */
  pump(): void {
    const lane = this.#parts.lanes().current;
    if (lane === undefined) return;
    while (this.#running < WINDOW && this.#next < this.#queue.length) {
      const slot = this.#queue[this.#next] ?? 0;
      this.#next += 1;
      if (this.#next === this.#queue.length) {
        this.#queue = [];
        this.#next = 0;
      }
      this.#start(slot, lane);
    }
  }

  /** The schedule's entry of a slot with a call has come up: its time is over, or it is time to try again. */
  due(slot: number, nowMs: number): void {
    const table = this.#table;
    const limitMs = this.#limitMs(slot);
    if (nowMs < limitMs) {
      this.add(slot);
      return;
    }
    // A call on its way ends by its own time-out, which is not later.
    if (table.has(slot, SlotFlag.Calling)) table.schedule.set(slot, nowMs + ATTEMPT_TIMEOUT_MS);
    else this.#giveUp(slot, this.#parts.lanes().lastError);
  }

  #limitMs(slot: number): number {
    return this.#table.giveUpMs[slot] ?? 0;
  }

  #start(slot: number, lane: Lane): void {
    const table = this.#table;
    const state = table.state(slot);
    if ((state !== SlotState.Granting && state !== SlotState.Revoking) || table.has(slot, SlotFlag.Calling)) return;
    const isGrant = state === SlotState.Granting;
    const nowMs = this.#parts.init.clock.monotonicMs();
    const leftMs = this.#limitMs(slot) - nowMs;
    if (leftMs <= 0) {
      this.#giveUp(slot, this.#parts.lanes().lastError);
      return;
    }
    table.setFlag(slot, SlotFlag.Calling, true);
    this.#running += 1;
    const generation = table.generation[slot] ?? 0;
    const leaseId = table.leaseId(slot);
    const metadata = this.#parts.init.credentials.metadata();
    const onAnswer = this.#parts.init.onCall?.();
    // As the servers count, since the machine may sleep until the answer is read.
    const sentMs = nowMs + this.#parts.look();
    lane.connection
      .unary(
        isGrant ? LEASE_GRANT_PATH : LEASE_REVOKE_PATH,
        isGrant ? encodeGrant(table.ttlSeconds(slot), leaseId) : encodeRevoke(leaseId),
        { timeoutMs: Math.ceil(Math.min(ATTEMPT_TIMEOUT_MS, leftMs)), metadata },
      )
      .then((answer) => {
        onAnswer?.(answer);
        this.#parts.lanes().answered('calls');
        const sleptMs = this.#parts.look();
        if (!this.#isCurrent(slot, generation)) return;
        if (isGrant) this.#granted(slot, decodeGrantTtl(answer), sentMs - sleptMs);
        else table.endLease(slot, 'revoked');
      })
      .catch((thrown: unknown) => {
        if (!this.#isCurrent(slot, generation)) return;
        const error = toEtcdError(thrown, 'unavailable');
        const { credentials } = this.#parts.init;
        if (credentials.isUsed && isTokenError(error)) {
          void credentials.renew(lane.connection, metadata).catch(() => undefined);
          this.#retry(slot, error, lane);
        } else if (isGrant) this.#grantFailed(slot, error, lane);
        else this.#revokeFailed(slot, error, lane);
      })
      .finally(() => {
        this.#running -= 1;
        this.pump();
      });
  }

  #isCurrent(slot: number, generation: number): boolean {
    const table = this.#table;
    if (table.generation[slot] !== generation) return false;
    table.setFlag(slot, SlotFlag.Calling, false);
    return true;
  }

  #granted(slot: number, ttlSeconds: number, sentMs: number): void {
    const table = this.#table;
    table.attempts[slot] = 0;
    table.live(slot, ttlSeconds, sentMs + ttlSeconds * 1_000);
    if (table.has(slot, SlotFlag.RevokeWanted)) {
      // Nobody waits for that: it is tried until the lease has run out.
      table.giveUpMs[slot] = table.limitMs(slot);
      table.setState(slot, SlotState.Revoking);
      this.add(slot);
      return;
    }
    this.#parts.renewer.begin(slot, sentMs);
  }

  #grantFailed(slot: number, error: EtcdError, lane: Lane): void {
    const table = this.#table;
    if (error.code === 'lease-exists') {
      this.#exists(slot, error);
      return;
    }
    if (!isTransient(error)) {
      table.refuse(slot, error);
      return;
    }
    if (error.outcome !== 'not-sent' && error.outcome !== 'refused') table.setFlag(slot, SlotFlag.MaybeGranted, true);
    this.#retry(slot, error, lane);
  }

  /** Ours, if an earlier attempt may have been applied and nobody else can have drawn this id. */
  #exists(slot: number, error: EtcdError): void {
    const table = this.#table;
    const mayBeOurs = table.has(slot, SlotFlag.MaybeGranted);
    if (!mayBeOurs || !table.has(slot, SlotFlag.Drawn)) {
      const leaseId = table.leaseId(slot);
      const message = `lease ${String(leaseId)} exists already: choose another leaseId, or keep it alive with keepAlive()`;
      const outcome = mayBeOurs ? 'unknown' : 'refused';
      table.refuse(slot, new LeaseError(message, leaseId, { code: 'lease-exists', outcome, cause: error }));
      return;
    }
    if (table.has(slot, SlotFlag.RevokeWanted)) {
      table.setState(slot, SlotState.Revoking);
      this.add(slot);
      return;
    }
    // When it began and which TTL was answered is not known: its first renewal tells, as for a lease granted elsewhere.
    table.setFlag(slot, SlotFlag.Foreign, true);
    table.setState(slot, SlotState.Waiting);
    this.#parts.renewer.renewSoon([slot]);
  }

  #revokeFailed(slot: number, error: EtcdError, lane: Lane): void {
    const table = this.#table;
    // Whoever asked wanted it gone, and it is; an earlier attempt of ours may have done it.
    if (error.code === 'lease-not-found') table.endLease(slot, 'revoked');
    else if (isTransient(error)) this.#retry(slot, error, lane);
    else this.#revokeRefused(slot, error);
  }

  /** The server will not: told once, and left alone until main forgets it or it runs out. */
  #revokeRefused(slot: number, error: EtcdError): void {
    this.#parts.reports.revokeFailed(slot, error);
    this.#table.giveUpMs[slot] = this.#table.limitMs(slot);
    this.#table.schedule.set(slot, this.#limitMs(slot));
  }

  /** The time for a revocation is up: told once, and tried on until the lease has run out. It is never renewed again. */
  #revokeLate(slot: number, error: EtcdError, nowMs: number): void {
    const table = this.#table;
    const deadlineMs = table.limitMs(slot);
    if (nowMs >= deadlineMs) {
      table.endLease(slot, 'expired', error);
      return;
    }
    if (table.giveUpMs[slot] !== deadlineMs) this.#parts.reports.revokeFailed(slot, error);
    table.giveUpMs[slot] = deadlineMs;
    this.#again(
      slot,
      Math.min(deadlineMs, nowMs + backoffDelayMs(table.attempts[slot] ?? 1, RETRY, this.#parts.init.random)),
    );
  }

  #again(slot: number, atMs: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, atMs + RETRY.initialMs);
    this.#table.schedule.set(slot, atMs);
  }

  #retry(slot: number, error: EtcdError, lane: Lane): void {
    const table = this.#table;
    this.#parts.lanes().complain(lane, 'calls', error);
    const attempts = Math.min(255, (table.attempts[slot] ?? 0) + 1);
    table.attempts[slot] = attempts;
    const { clock, random } = this.#parts.init;
    const nowMs = clock.monotonicMs();
    const retryMs = nowMs + backoffDelayMs(attempts, RETRY, random);
    if (retryMs >= this.#limitMs(slot)) this.#giveUp(slot, error);
    else this.#again(slot, retryMs);
  }

  #giveUp(slot: number, cause: EtcdError | undefined): void {
    const table = this.#table;
    const isRevoke = table.state(slot) === SlotState.Revoking;
    const isMaybe = isRevoke || table.has(slot, SlotFlag.MaybeGranted);
    const because = cause === undefined ? '' : `: ${cause.message}`;
    const what = isRevoke ? 'revocation' : 'grant';
    const message = `no member answered the ${what} in time (raise timeoutMs, or check the endpoints)${because}`;
    const error = new EtcdError(message, {
      code: 'timeout',
      outcome: isMaybe ? 'unknown' : 'not-sent',
      endpoint: cause?.endpoint,
      cause,
    });
    if (isRevoke) this.#revokeLate(slot, error, this.#parts.init.clock.monotonicMs());
    else table.refuse(slot, error);
  }
}

function isTransient(error: EtcdError): boolean {
  // What is no gRPC comes from a proxy whose member is away, as a rule. Both calls may be repeated, and their time is limited.
  return mayPass(error) || error.code === 'protocol-error';
}
