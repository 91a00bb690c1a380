/**
 * What a shard knows of each lease beside the shared state: columns over slots, and how a lease enters and leaves. The
 * only place that writes a lease's status, so that a lease ends exactly once. Runs in the shard; no I/O.
 */
import { LeaseError, type EtcdError } from '../../wire/errors.js';
import type { LeaseEndReason } from '../../wire/lease-contract.js';
import { HIGH_HALF, LeaseStatus, LOW_HALF, type LeaseState } from '../../wire/lease-state.js';
import type { KeepAliveStream } from './keep-alive-stream.js';
import type { LeaseReports } from './lease-reports.js';
import type { LeaseSchedule } from './lease-schedule.js';

/** Where a lease is in the shard. */
export const SlotState = {
  Free: 0,
  /** Its grant waits, is on its way, or is tried again. */
  Granting: 1,
  /** The schedule says when it is renewed. */
  Waiting: 2,
  /** A renewal is on its way; the schedule says when to worry. */
  InFlight: 3,
  /** It should be renewed and there is no stream; the schedule only holds its deadline. */
  Parked: 4,
  /** Its revocation waits, is on its way, or is tried again. */
  Revoking: 5,
} as const;

export type SlotStateCode = (typeof SlotState)[keyof typeof SlotState];

/** Marks of a slot, as bits. */
export const SlotFlag = {
  /** Granted elsewhere and not answered yet: nothing is known of its TTL. */
  Foreign: 1,
  /** The id was drawn by main. */
  Drawn: 2,
  /** A grant of unknown outcome may have been applied. */
  MaybeGranted: 4,
  /** To be revoked as soon as it is granted. */
  RevokeWanted: 8,
  /** A unary call about it is on its way. */
  Calling: 16,
  /** Its renewal may end or block the stream it is on: it goes on one of its own until it was answered. */
  Suspect: 32,
} as const;

const STATUS_BY_REASON = {
  revoked: LeaseStatus.Revoked,
  lost: LeaseStatus.Lost,
  expired: LeaseStatus.Expired,
  halted: LeaseStatus.Halted,
} as const;

export class LeaseTable {
  readonly shared: LeaseState;
  readonly schedule: LeaseSchedule;
  /** Counts up whenever a slot is given back; tells an answer for an earlier lease of the same slot. */
  generation: Uint32Array = new Uint32Array(0);
  flags: Uint8Array = new Uint8Array(0);
  /** Failed attempts of the call at hand. */
  attempts: Uint8Array = new Uint8Array(0);
  /** When a grant or first renewal is given up. */
  giveUpMs: Float64Array = new Float64Array(0);
  /** When the renewal that is on its way was sent, as sent-renewals.ts notes it: there may be an older copy. */
  sentMs: Float64Array = new Float64Array(0);
  /** Stream of the renewal that is on its way. */
  readonly stream: (KeepAliveStream | undefined)[] = [];
  /** Slots up to here have been used. */
  end = 0;
  /** Slots that are not free. */
  count = 0;
  readonly #reports: LeaseReports;
  #state: Uint8Array = new Uint8Array(0);

  constructor(shared: LeaseState, schedule: LeaseSchedule, reports: LeaseReports) {
    this.shared = shared;
    this.schedule = schedule;
    this.#reports = reports;
  }

  state(slot: number): SlotStateCode {
    return (this.#state[slot] ?? SlotState.Free) as SlotStateCode; // only the methods below write it
  }

  setState(slot: number, state: SlotStateCode): void {
    this.#state[slot] = state;
  }

  /** Whether the lease is held: it lived and has not ended, or is about to live. */
  isHeld(slot: number): boolean {
    const state = this.state(slot);
    return state !== SlotState.Free && state !== SlotState.Granting;
  }

  /** Whether main has found a held lease past its deadline, by a clock that this shard had not read yet: it is to be ended. */
  isMarkedExpired(slot: number): boolean {
    return this.isHeld(slot) && this.shared.status(slot) === LeaseStatus.Expired;
  }

  /** How main has given up a lease that this shard is to take over, since it asked for that; `undefined` where it has not. */
  givenUp(slot: number): 'expired' | 'halted' | undefined {
    switch (this.shared.status(slot)) {
      case LeaseStatus.Expired:
        return 'expired';
      case LeaseStatus.Halted:
        return 'halted';
      default:
        return undefined;
    }
  }

  has(slot: number, flag: number): boolean {
    return ((this.flags[slot] ?? 0) & flag) !== 0;
  }

  setFlag(slot: number, flag: number, on: boolean): void {
    const flags = this.flags[slot] ?? 0;
    this.flags[slot] = on ? flags | flag : flags & ~flag;
  }

  low(slot: number): number {
    return this.shared.leaseIdHalves[2 * slot + LOW_HALF] ?? 0;
  }

  high(slot: number): number {
    return this.shared.leaseIdHalves[2 * slot + HIGH_HALF] ?? 0;
  }

  leaseId(slot: number): bigint {
    return this.shared.leaseId[slot] ?? 0n;
  }

  ttlSeconds(slot: number): number {
    return this.shared.ttlSeconds[slot] ?? 0;
  }

  /** The moment after which the lease counts as gone, or as not to be had. */
  limitMs(slot: number): number {
    const limits = this.has(slot, SlotFlag.Foreign) ? this.giveUpMs : this.shared.deadlineMs;
    return limits[slot] ?? 0;
  }

  /** Takes a free slot into use. */
  enter(slot: number, state: SlotStateCode, flags: number, giveUpMs: number): void {
    this.#reserve(slot);
    if (this.state(slot) === SlotState.Free) this.count += 1;
    this.end = Math.max(this.end, slot + 1);
    this.setState(slot, state);
    this.flags[slot] = flags;
    this.attempts[slot] = 0;
    this.giveUpMs[slot] = giveUpMs;
  }

  /** The lease lives from here on. Told as granted, unless it is to be revoked at once. */
  live(slot: number, ttlSeconds: number, deadlineMs: number): void {
    this.shared.ttlSeconds[slot] = ttlSeconds;
    this.shared.deadlineMs[slot] = deadlineMs;
    this.shared.setStatus(slot, LeaseStatus.Live);
    if (!this.has(slot, SlotFlag.RevokeWanted)) this.#reports.granted(slot);
  }

  /**
   * So much of a living lease's time has passed without the monotonic clock counting it: its deadline and whatever is planned
   * by its time come earlier, or it would run out before its next renewal is due. The time that a caller gave stays.
   */
  bringForward(slot: number, ms: number): void {
    const { deadlineMs } = this.shared;
    const before = deadlineMs[slot] ?? 0;
    const isCallers = this.state(slot) === SlotState.Revoking && this.giveUpMs[slot] !== before;
    deadlineMs[slot] = before - ms;
    if (isCallers) return;
    if (this.giveUpMs[slot] === before) this.giveUpMs[slot] = before - ms;
    this.schedule.bringForward(slot, ms);
  }

  /** The one end of a lease. */
  endLease(slot: number, reason: LeaseEndReason, error?: EtcdError): void {
    if (this.has(slot, SlotFlag.Foreign)) {
      this.refuse(slot, error ?? this.#neverLived(slot, reason));
      return;
    }
    this.shared.setStatus(slot, STATUS_BY_REASON[reason]);
    this.#leave(slot);
    this.#reports.ended(slot, reason, error);
  }

  /** A grant or first renewal that came to nothing. */
  refuse(slot: number, error: EtcdError): void {
    this.shared.setStatus(slot, LeaseStatus.Free);
    this.#leave(slot);
    this.#reports.refused(slot, error);
  }

  /** Main does not want it any longer. */
  forget(slot: number): void {
    this.shared.setStatus(slot, LeaseStatus.Free);
    this.#leave(slot);
    this.#reports.forgotten(slot);
  }

  #leave(slot: number): void {
    this.schedule.clear(slot);
    this.setState(slot, SlotState.Free);
    this.flags[slot] = 0;
    this.stream[slot] = undefined;
    this.generation[slot] = ((this.generation[slot] ?? 0) + 1) >>> 0;
    this.count -= 1;
  }

  #neverLived(slot: number, reason: LeaseEndReason): EtcdError {
    const leaseId = this.leaseId(slot);
    const isLate = reason === 'expired'; // before it lives, the caller's time is its limit
    const message = isLate
      ? `no member answered the first renewal of lease ${String(leaseId)} in time (raise timeoutMs, or check the endpoints)`
      : `lease ${String(leaseId)} was given up (${reason}) before its first renewal was answered`;
    return new LeaseError(message, leaseId, { code: isLate ? 'timeout' : 'lease-ended', outcome: 'unknown' });
  }

  #reserve(slot: number): void {
    const length = this.#state.length;
    if (slot < length) return;
    const grown = Math.max(64, 2 * length, slot + 1);
    const copy = <Column extends Uint8Array | Uint32Array | Float64Array>(from: Column, to: Column): Column => {
      to.set(from);
      return to;
    };
    this.#state = copy(this.#state, new Uint8Array(grown));
    this.flags = copy(this.flags, new Uint8Array(grown));
    this.attempts = copy(this.attempts, new Uint8Array(grown));
    this.generation = copy(this.generation, new Uint32Array(grown));
    this.giveUpMs = copy(this.giveUpMs, new Float64Array(grown));
    this.sentMs = copy(this.sentMs, new Float64Array(grown));
  }
}

/** Why a lease granted elsewhere cannot be kept alive. */
export function notFound(leaseId: bigint): LeaseError {
  const message = `lease ${String(leaseId)} is not known to the server, so it cannot be kept alive`;
  return new LeaseError(message, leaseId, { code: 'lease-not-found', outcome: 'refused' });
}
