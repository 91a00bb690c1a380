/**
 * The leases of one call (grant, grantMany, keepAlive), as columns: 50,000 of them cost a few hundred kilobytes. Lease
 * objects, promises and signals are made when asked for. Internal to the lease service; main thread.
 */
import { type EtcdError, errorFromPlain, type PlainError } from '../../wire/errors.js';
import { plainValue } from '../plain-value.js';
import type { LeaseEndReason } from '../../wire/lease-contract.js';
import { LeaseStatus, type LeaseState } from '../../wire/lease-state.js';
import { performanceNow } from '../../wire/timers.js';
import { Listeners, tell } from '../callbacks.js';
import { shardOfLease } from '../placement.js';
import type { CallLimit } from './call-limit.js';
import { Lease, type LeaseBacking } from './lease.js';
import { NOT_HELD, Revocations, revokeError, UNRENEWED, unrevoked } from './revocations.js';
import type { LeaseEnd, LeaseEndCause } from './lease-end.js';

const Phase = { Asked: 0, Live: 1, Revoking: 2, Ended: 3, Refused: 4 } as const;

const CAUSES = ['revoked', 'lost', 'expired', 'halted', 'released'] as const satisfies readonly LeaseEndCause[];

/** Commands that rows send for themselves. */
export type RowsCommand = 'forget' | 'reschedule';

/** Where the rows live. */
export interface RowsRoom {
  readonly shardCount: number;
  state(shard: number): LeaseState;
  nowMs(shard: number): number;
  isAlive(shard: number, slot: number): boolean;
  command(kind: RowsCommand, rows: LeaseRows, which: readonly number[]): void;
  /** Through the shard that holds them. */
  revoke(rows: LeaseRows, which: readonly number[], timeoutMs: number): void;
  /** By calls of their own; those that the server does not know count as revoked. */
  revokeElsewhere(leaseIds: readonly bigint[], limit: CallLimit): Promise<void>;
  /** The row's lease was granted, with an id that its caller chose. */
  supersede(rows: LeaseRows, row: number): void;
}

export type LeaseEndListener = (end: LeaseEnd) => void;

export class LeaseRows implements LeaseBacking {
  readonly count: number;
  /** As asked for, until the server answers. */
  readonly ttlSeconds: number;
  /** Whether the ids were drawn here. */
  readonly drawn: boolean;
  readonly timeoutMs: number;
  readonly #room: RowsRoom;
  readonly #ids: BigInt64Array;
  /** The same ids as halves, for what must make no bigint of each. */
  readonly #halves: Int32Array;
  readonly #shards: Uint16Array;
  readonly #slots: Uint32Array;
  readonly #phase: Uint8Array;
  readonly #cause: Uint8Array;
  /** Deadlines of leases that have ended; the slot's row in the shared state is another lease's by then. */
  #lastDeadlineMs: Float64Array | undefined;
  readonly #errors = new Map<number, EtcdError>();
  readonly #handles = new Map<number, Lease>();
  readonly #endListeners = new Listeners<LeaseEnd>();
  readonly #revocations = new Revocations();
  readonly #unwanted = new Set<number>(); // rows to be revoked once they are answered
  #asked: number;
  #firstRefusal: EtcdError | undefined;
  #onProgress: ((granted: number) => void) | undefined;
  #onSettled: ((error: EtcdError | undefined) => void) | undefined;
  #onAnswered: (() => void)[] = [];

  constructor(room: RowsRoom, ids: BigInt64Array, ttlSeconds: number, drawn: boolean, timeoutMs: number) {
    this.#room = room;
    this.#ids = ids;
    this.#halves = new Int32Array(ids.buffer, ids.byteOffset, 2 * ids.length);
    this.count = ids.length;
    this.ttlSeconds = ttlSeconds;
    this.drawn = drawn;
    this.timeoutMs = timeoutMs;
    this.#shards = new Uint16Array(ids.length);
    this.#slots = new Uint32Array(ids.length);
    this.#phase = new Uint8Array(ids.length);
    this.#cause = new Uint8Array(ids.length);
    this.#asked = ids.length;
  }

  leaseId(row: number): bigint {
    return this.#ids[row] ?? 0n;
  }

  /** Where the row belongs while every shard lives. */
  preferredShard(row: number): number {
    return shardOfLease(this.#halves[2 * row] ?? 0, this.#halves[2 * row + 1] ?? 0, this.#room.shardCount);
  }

  shard(row: number): number {
    return this.#shards[row] ?? 0;
  }

  /** Writes the id of a row into the state of its shard. */
  copyId(row: number, { leaseIdHalves }: LeaseState): void {
    const slot = this.slot(row);
    leaseIdHalves[2 * slot] = this.#halves[2 * row] ?? 0;
    leaseIdHalves[2 * slot + 1] = this.#halves[2 * row + 1] ?? 0;
  }

  slot(row: number): number {
    return this.#slots[row] ?? 0;
  }

  place(row: number, shard: number, slot: number): void {
    this.#shards[row] = shard;
    this.#slots[row] = slot;
  }

  /** Resolves when each grant was answered; rejects with the first refusal once all have been. */
  settled(onProgress?: (granted: number) => void): Promise<void> {
    this.#onProgress = onProgress;
    return new Promise((resolve, reject) => {
      this.#onSettled = (error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  /** Resolves when each was answered, or nobody waits for the answers any longer. */
  answered(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#asked === 0) resolve();
      else this.#onAnswered.push(resolve);
    });
  }

  /** Why the row was refused, where it was. */
  refusal(row: number): EtcdError | undefined {
    return this.#phase[row] === Phase.Refused ? this.#firstRefusal : undefined;
  }

  /** Nobody waits for the first renewal of a lease granted elsewhere any longer: it is left alone. */
  withdraw(): void {
    const rows = [...this.#phase.keys()];
    const asked = rows.filter((row) => this.#phase[row] === Phase.Asked);
    // Answered already, in the moment in which its caller turned away.
    this.release(rows);
    for (const row of asked) this.#phase[row] = Phase.Refused;
    this.#room.command('forget', this, asked);
    this.#over();
  }

  /** Nobody waits for the grants any longer: what is granted from here on is revoked. */
  abandon(): void {
    const rows: number[] = [];
    for (let row = 0; row < this.count; row += 1) {
      if (this.#phase[row] !== Phase.Asked && this.#phase[row] !== Phase.Live) continue;
      this.#phase[row] = Phase.Revoking;
      rows.push(row);
    }
    this.#room.revoke(this, rows, this.timeoutMs);
    this.#over();
  }

  handle(row: number): Lease {
    let lease = this.#handles.get(row);
    if (lease === undefined) {
      lease = new Lease(this, row);
      this.#handles.set(row, lease);
    }
    return lease;
  }

  isAlive(row: number): boolean {
    return this.#phase[row] === Phase.Live && this.#room.isAlive(this.shard(row), this.slot(row));
  }

  deadlineMs(row: number): number {
    if (this.isOver(row)) return this.#lastDeadlineMs?.[row] ?? 0;
    return this.#room.state(this.shard(row)).deadlineMs[this.slot(row)] ?? 0;
  }

  /** Time to the deadline, 0 after the end. */
  remainingMs(row: number): number {
    if (this.isOver(row)) return 0;
    return Math.max(0, this.deadlineMs(row) - this.#room.nowMs(this.shard(row)));
  }

  answeredTtlSeconds(row: number): number {
    if (this.isOver(row)) return this.ttlSeconds;
    return this.#room.state(this.shard(row)).ttlSeconds[this.slot(row)] ?? this.ttlSeconds;
  }

  end(row: number): LeaseEnd | undefined {
    if (this.#phase[row] !== Phase.Ended) return undefined;
    const reason = CAUSES[this.#cause[row] ?? 0] ?? 'lost';
    return plainValue({ leaseId: this.leaseId(row), reason, error: this.#errors.get(row) });
  }

  onEnd(listener: LeaseEndListener): () => void {
    return this.#endListeners.add(listener);
  }

  setIntervalMs(row: number, intervalMs: number): void {
    if (this.#phase[row] !== Phase.Live) return;
    this.#room.state(this.shard(row)).intervalMs[this.slot(row)] = intervalMs;
    this.#room.command('reschedule', this, [row]);
  }

  observe(row: number, on: boolean): void {
    if (!this.isOver(row)) this.#room.state(this.shard(row)).observed[this.slot(row)] = on ? 1 : 0;
  }

  /** Whether the row waits for the answer to its grant or first renewal. */
  isAsked(row: number): boolean {
    return this.#phase[row] === Phase.Asked;
  }

  /** Whether no shard has seen the row's lease granted; to be asked before its end only. */
  isPending(row: number): boolean {
    return this.#room.state(this.shard(row)).status(this.slot(row)) === LeaseStatus.Pending;
  }

  /** A row that waits for its answer is revoked as soon as it has been granted, whoever still waits for that. */
  revokeWhenGranted(row: number): void {
    this.#unwanted.add(row);
  }

  /** Whether the lease is held, as far as was told. */
  isLive(row: number): boolean {
    return this.#phase[row] === Phase.Live;
  }

  /** Whether the row's slot means nothing any more: the row has ended, or was refused. */
  isOver(row: number): boolean {
    const phase = this.#phase[row];
    return phase === Phase.Ended || phase === Phase.Refused;
  }

  /**
   * Revokes rows that live, through their shard, and those that have ended here and may be left on the server. Whatever comes of
   * it, none of them is renewed again. Rejects where the server refused one, or did not answer in time.
   */
  async revoke(rows: readonly number[], limit: CallLimit): Promise<void> {
    const elsewhere = rows.filter((row) => this.#mayRemain(row)).map((row) => this.leaseId(row));
    const here = rows.filter((row) => this.#phase[row] === Phase.Live || this.#phase[row] === Phase.Revoking);
    for (const row of here) this.#phase[row] = Phase.Revoking;
    const calls = [this.#revocations.wait(here, performanceNow() + limit.timeoutMs)];
    if (here.length > 0) this.#room.revoke(this, here, limit.timeoutMs);
    if (elsewhere.length > 0) calls.push(this.#room.revokeElsewhere(elsewhere, limit));
    const answers = await limit.race(
      Promise.allSettled(calls),
      'the revocation',
      here.length > 0 ? UNRENEWED : NOT_HELD,
    );
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    // Given up here before the shard could begin, and left on the server.
    const left = here.filter((row) => this.#mayRemain(row)).map((row) => this.leaseId(row));
    if (left.length > 0) await limit.race(this.#room.revokeElsewhere(left, limit), 'the revocation', NOT_HELD);
  }

  /** How much time a shard that takes over has for the revocation of the row: what its callers have left. */
  revocationTimeMs(row: number): number {
    return Math.max(0, Math.ceil(this.#revocations.endMs(row) - performanceNow()));
  }

  /** Stops renewing rows that live. */
  release(rows: readonly number[]): void {
    const live = rows.filter((row) => this.#phase[row] === Phase.Live);
    for (const row of live) this.#ended(row, 'released', undefined);
    this.#room.command('forget', this, live);
  }

  /** A lease of the same id was granted since, so this one is gone. */
  superseded(row: number): void {
    this.#ended(row, 'lost', undefined);
    this.#room.command('forget', this, [row]);
  }

  /** The engine closes: every lease is given back, every grant fails. Nothing is sent. */
  close(error: EtcdError): void {
    for (let row = 0; row < this.count; row += 1) {
      const phase = this.#phase[row];
      if (phase === Phase.Asked) this.refused(row, error);
      else if (phase === Phase.Live || phase === Phase.Revoking) this.#ended(row, 'released', error);
    }
  }

  // What the shard reports.

  granted(row: number): void {
    if (this.#phase[row] !== Phase.Asked) return;
    if (!this.drawn && this.ttlSeconds > 0) this.#room.supersede(this, row);
    this.#phase[row] = Phase.Live;
    this.#answered();
    if (!this.#unwanted.delete(row)) return;
    this.#phase[row] = Phase.Revoking;
    this.#room.revoke(this, [row], this.timeoutMs);
  }

  refused(row: number, error: EtcdError): void {
    const phase = this.#phase[row];
    this.#phase[row] = Phase.Refused;
    // It may have been granted all the same, unless it was refused; nobody renews it.
    if (phase === Phase.Revoking) this.#revocations.settle(row, error.outcome === 'unknown' ? error : undefined);
    if (phase !== Phase.Asked) return;
    this.#firstRefusal ??= error;
    this.#answered();
  }

  renewed(row: number): void {
    // Given back since, while the report was on its way.
    if (this.#phase[row] !== Phase.Live) return;
    this.#handles.get(row)?.tellRenewed();
  }

  ended(row: number, reason: LeaseEndReason, plain: PlainError | undefined): void {
    const error = plain === undefined ? undefined : errorFromPlain(plain);
    if (this.#phase[row] === Phase.Asked) this.granted(row);
    if (this.#phase[row] === Phase.Live || this.#phase[row] === Phase.Revoking) this.#ended(row, reason, error);
  }

  /** In time; the shard goes on until the lease has run out. */
  revokeLate(row: number, error: EtcdError): void {
    if (this.#phase[row] === Phase.Revoking)
      this.#revocations.late(row, unrevoked(this.leaseId(row), error, UNRENEWED));
  }

  /** The server will not: nothing is left to do for the lease. */
  revokeRefused(row: number, error: EtcdError): void {
    if (this.#phase[row] !== Phase.Revoking) return;
    this.#room.command('forget', this, [row]);
    this.#ended(row, 'released', error);
  }

  /** What a shard that takes over must do with the row; `undefined` for nothing. */
  resumption(row: number): 'grant' | 'keep-alive' | 'adopt' | 'revoke' | undefined {
    switch (this.#phase[row]) {
      case Phase.Asked:
        return this.ttlSeconds === 0 ? 'keep-alive' : 'grant';
      case Phase.Live:
        return 'adopt';
      case Phase.Revoking:
        return 'revoke';
      default:
        return undefined;
    }
  }

  /** Whether a lease that has ended here may still be there on the server. */
  #mayRemain(row: number): boolean {
    const end = this.end(row);
    return end !== undefined && end.reason !== 'revoked' && (end.reason !== 'lost' || end.error !== undefined);
  }

  #answered(): void {
    this.#asked -= 1;
    if (this.#onProgress !== undefined) tell(this.#onProgress, this.count - this.#asked);
    if (this.#asked > 0) return;
    this.#onSettled?.(this.#firstRefusal);
    this.#over();
  }

  /** Nobody waits for answers any longer. */
  #over(): void {
    this.#asked = 0;
    this.#onSettled = undefined;
    this.#onProgress = undefined;
    for (const answered of this.#onAnswered.splice(0)) answered();
  }

  #ended(row: number, reason: LeaseEndCause, error: EtcdError | undefined): void {
    const deadlineMs = this.deadlineMs(row);
    const wasRevoking = this.#phase[row] === Phase.Revoking;
    this.#phase[row] = Phase.Ended;
    this.#cause[row] = CAUSES.indexOf(reason);
    this.#lastDeadlineMs ??= new Float64Array(this.count);
    this.#lastDeadlineMs[row] = deadlineMs;
    if (error !== undefined) this.#errors.set(row, error);
    const end = plainValue({ leaseId: this.leaseId(row), reason, error });
    if (wasRevoking) this.#revocations.settle(row, revokeError(end));
    this.#handles.get(row)?.tellEnd(end);
    this.#endListeners.tell(end);
  }
}

/** The row of a crashed shard whose end was written but never reported. */
export function reasonOfStatus(status: number): LeaseEndReason | undefined {
  switch (status) {
    case LeaseStatus.Revoked:
      return 'revoked';
    case LeaseStatus.Lost:
      return 'lost';
    case LeaseStatus.Expired:
      return 'expired';
    case LeaseStatus.Halted:
      return 'halted';
    default:
      return undefined;
  }
}
