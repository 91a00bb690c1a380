/**
 * The leases of one call (grant, grantMany, keepAlive), as columns: 50,000 of them cost a few hundred kilobytes. Lease
 * objects, promises and signals are made when asked for. Internal to the lease service; main thread.
 */
import { type EtcdError, LeaseError, errorFromPlain, type PlainError } from '../../wire/errors.js';
import type { LeaseEndReason } from '../../wire/lease-contract.js';
import { LeaseStatus, type LeaseState } from '../../wire/lease-state.js';
import { Listeners, tell } from '../callbacks.js';
import { shardOfLease } from '../placement.js';
import type { RevokeOptions } from './lease-options.js';
import { Lease, type LeaseBacking } from './lease.js';
import { leaseEndedError, type LeaseEnd, type LeaseEndCause } from './lease-end.js';

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
  revoke(rows: LeaseRows, which: readonly number[], timeoutMs: number | undefined): void;
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
  readonly #slots: Uint32Array;
  readonly #phase: Uint8Array;
  readonly #cause: Uint8Array;
  /** Deadlines of leases that have ended; the slot's row in the shared state is another lease's by then. */
  #lastDeadlineMs: Float64Array | undefined;
  readonly #errors = new Map<number, EtcdError>();
  readonly #handles = new Map<number, Lease>();
  readonly #endListeners = new Listeners<LeaseEnd>();
  readonly #revokeListeners = new Map<number, (error: EtcdError | undefined) => void>();
  #asked: number;
  #firstRefusal: EtcdError | undefined;
  #onProgress: ((granted: number) => void) | undefined;
  #onSettled: ((error: EtcdError | undefined) => void) | undefined;

  constructor(room: RowsRoom, ids: BigInt64Array, ttlSeconds: number, drawn: boolean, timeoutMs: number) {
    this.#room = room;
    this.#ids = ids;
    this.#halves = new Int32Array(ids.buffer, ids.byteOffset, 2 * ids.length);
    this.count = ids.length;
    this.ttlSeconds = ttlSeconds;
    this.drawn = drawn;
    this.timeoutMs = timeoutMs;
    this.#slots = new Uint32Array(ids.length);
    this.#phase = new Uint8Array(ids.length);
    this.#cause = new Uint8Array(ids.length);
    this.#asked = ids.length;
  }

  leaseId(row: number): bigint {
    return this.#ids[row] ?? 0n;
  }

  shard(row: number): number {
    return shardOfLease(this.#halves[2 * row] ?? 0, this.#halves[2 * row + 1] ?? 0, this.#room.shardCount);
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

  place(row: number, slot: number): void {
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

  /** Nobody waits for the first renewal of a lease granted elsewhere any longer: it is left alone. */
  withdraw(): void {
    this.#onSettled = undefined;
    const rows = [...this.#phase.keys()].filter((row) => this.#phase[row] === Phase.Asked);
    for (const row of rows) this.#phase[row] = Phase.Refused;
    this.#room.command('forget', this, rows);
  }

  /** Nobody waits for the grants any longer: what is granted from here on is revoked. */
  abandon(): void {
    this.#onSettled = undefined;
    this.#onProgress = undefined;
    const rows: number[] = [];
    for (let row = 0; row < this.count; row += 1) {
      if (this.#phase[row] !== Phase.Asked && this.#phase[row] !== Phase.Live) continue;
      this.#phase[row] = Phase.Revoking;
      rows.push(row);
    }
    this.#room.revoke(this, rows, undefined);
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
    if (this.#isOver(row)) return this.#lastDeadlineMs?.[row] ?? 0;
    return this.#room.state(this.shard(row)).deadlineMs[this.slot(row)] ?? 0;
  }

  /** Time to the deadline, 0 after the end. */
  remainingMs(row: number): number {
    if (this.#isOver(row)) return 0;
    return Math.max(0, this.deadlineMs(row) - this.#room.nowMs(this.shard(row)));
  }

  answeredTtlSeconds(row: number): number {
    if (this.#isOver(row)) return this.ttlSeconds;
    return this.#room.state(this.shard(row)).ttlSeconds[this.slot(row)] ?? this.ttlSeconds;
  }

  end(row: number): LeaseEnd | undefined {
    if (this.#phase[row] !== Phase.Ended) return undefined;
    const reason = CAUSES[this.#cause[row] ?? 0] ?? 'lost';
    return { leaseId: this.leaseId(row), reason, error: this.#errors.get(row) };
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
    if (!this.#isOver(row)) this.#room.state(this.shard(row)).observed[this.slot(row)] = on ? 1 : 0;
  }

  /**
   * Revokes rows that live; the others have ended already. Rejects where the server refused one, or did not answer in time.
   */
  async revoke(rows: readonly number[], options: RevokeOptions = {}): Promise<void> {
    const live = rows.filter((row) => this.#phase[row] === Phase.Live || this.#phase[row] === Phase.Revoking);
    const fresh = live.filter((row) => this.#phase[row] === Phase.Live);
    for (const row of fresh) this.#phase[row] = Phase.Revoking;
    if (live.length === 0) return;
    const done = new Promise<void>((resolve, reject) => {
      let left = live.length;
      let failure: EtcdError | undefined;
      const onDone = (error: EtcdError | undefined): void => {
        failure ??= error;
        left -= 1;
        if (left > 0) return;
        if (failure === undefined) resolve();
        else reject(failure);
      };
      for (const row of live) {
        const other = this.#revokeListeners.get(row);
        const both = (error: EtcdError | undefined): void => {
          other?.(error);
          onDone(error);
        };
        this.#revokeListeners.set(row, other === undefined ? onDone : both);
      }
    });
    this.#room.revoke(this, fresh, options.timeoutMs);
    await done;
  }

  /** Stops renewing rows that live. */
  release(rows: readonly number[]): void {
    const live = rows.filter((row) => this.#phase[row] === Phase.Live);
    for (const row of live) this.#ended(row, 'released', undefined);
    this.#room.command('forget', this, live);
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
    this.#phase[row] = Phase.Live;
    this.#answered();
  }

  refused(row: number, error: EtcdError): void {
    const phase = this.#phase[row];
    this.#phase[row] = Phase.Refused;
    if (phase === Phase.Asked) {
      this.#firstRefusal ??= error;
      this.#answered();
    }
  }

  renewed(row: number): void {
    this.#handles.get(row)?.tellRenewed();
  }

  ended(row: number, reason: LeaseEndReason, plain: PlainError | undefined): void {
    const error = plain === undefined ? undefined : errorFromPlain(plain);
    if (this.#phase[row] === Phase.Asked) this.granted(row);
    if (this.#phase[row] === Phase.Live || this.#phase[row] === Phase.Revoking) this.#ended(row, reason, error);
  }

  revokeFailed(row: number, error: EtcdError): void {
    if (this.#phase[row] !== Phase.Revoking) return;
    this.#phase[row] = Phase.Live;
    this.#revoked(row, error);
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

  #isOver(row: number): boolean {
    const phase = this.#phase[row];
    return phase === Phase.Ended || phase === Phase.Refused;
  }

  #answered(): void {
    this.#asked -= 1;
    if (this.#onProgress !== undefined) tell(this.#onProgress, this.count - this.#asked);
    if (this.#asked > 0) return;
    this.#onSettled?.(this.#firstRefusal);
    this.#onSettled = undefined;
    this.#onProgress = undefined;
  }

  #ended(row: number, reason: LeaseEndCause, error: EtcdError | undefined): void {
    const deadlineMs = this.deadlineMs(row);
    const wasRevoking = this.#phase[row] === Phase.Revoking;
    this.#phase[row] = Phase.Ended;
    this.#cause[row] = CAUSES.indexOf(reason);
    this.#lastDeadlineMs ??= new Float64Array(this.count);
    this.#lastDeadlineMs[row] = deadlineMs;
    if (error !== undefined) this.#errors.set(row, error);
    const end = { leaseId: this.leaseId(row), reason, error };
    if (wasRevoking) this.#revoked(row, reason === 'revoked' || reason === 'lost' ? undefined : revokeError(end));
    this.#handles.get(row)?.tellEnd(end);
    this.#endListeners.tell(end);
  }

  #revoked(row: number, error: EtcdError | undefined): void {
    const listener = this.#revokeListeners.get(row);
    this.#revokeListeners.delete(row);
    listener?.(error);
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

function revokeError(end: LeaseEnd): EtcdError {
  const { code, message } = end.error ?? leaseEndedError(end);
  const text = `lease ${String(end.leaseId)} could not be revoked before it ended here; it runs out on the server: ${message}`;
  return new LeaseError(text, end.leaseId, { code, outcome: 'unknown', cause: end.error });
}
