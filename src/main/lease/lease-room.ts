/**
 * Maps leases to shards and slots: chooses the shard of a lease by its id, finds it again, and sends commands for rows. Internal to the
 * lease service; main thread.
 */
import type { EtcdError } from '../../wire/errors.js';
import type { LeaseCommand } from '../../wire/lease-contract.js';
import { LeaseStatus, type LeaseState } from '../../wire/lease-state.js';
import { LeaseClock, type SystemClocks } from './lease-clock.js';
import type { CallLimit } from './call-limit.js';
import type { LeaseLink } from './lease-link.js';
import type { LeaseRows, RowsCommand, RowsRoom } from './lease-rows.js';
import { LeaseSlots } from './lease-slots.js';
import type { ServerRevoker } from './server-revoker.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';

/** A lease, where it is. */
export interface RowOfLease {
  readonly rows: LeaseRows;
  readonly row: number;
}

export class LeaseRoom implements RowsRoom {
  readonly shards: readonly LeaseSlots<LeaseRows>[];
  readonly clock: LeaseClock;
  readonly #link: LeaseLink;
  readonly #revoker: ServerRevoker;

  constructor(link: LeaseLink, revoker: ServerRevoker, livenessMs: number, clocks: SystemClocks | undefined) {
    this.#link = link;
    this.#revoker = revoker;
    this.shards = Array.from({ length: link.shards }, () => new LeaseSlots<LeaseRows>(livenessMs, monotonicMs()));
    this.clock = new LeaseClock(
      this.shards.map((slots) => slots.state),
      livenessMs,
      clocks,
    );
  }

  get shardCount(): number {
    return this.shards.length;
  }

  slots(shard: number): LeaseSlots<LeaseRows> {
    const slots = this.shards[shard];
    if (slots === undefined) throw new RangeError(`no shard ${String(shard)}`);
    return slots;
  }

  state(shard: number): LeaseState {
    return this.slots(shard).state;
  }

  nowMs(shard: number): number {
    return this.clock.nowMs(this.state(shard));
  }

  isAlive(shard: number, slot: number): boolean {
    const state = this.state(shard);
    // Read before the clock: a deadline that the shard has brought forward after a suspension is only compared with a clock
    // that counts the suspension no more.
    const deadlineMs = state.deadlineMs[slot] ?? 0;
    if (state.status(slot) !== LeaseStatus.Live || this.clock.hasHung()) return false;
    if (this.clock.nowMs(state) < deadlineMs) return true;
    state.markExpired(slot);
    return false;
  }

  /**
   * Where the lease of this id is in a shard: held, being revoked, or asked for. An id that was released may have another row
   * before its old one is free.
   */
  find(leaseId: bigint): RowOfLease | undefined {
    let asked: RowOfLease | undefined;
    for (const slots of this.shards) {
      for (const slot of slots.slotsOf(leaseId)) {
        const rows = slots.owner(slot);
        const row = slots.row(slot);
        if (rows === undefined || rows.isOver(row)) continue;
        if (!rows.isAsked(row)) return { rows, row };
        asked ??= { rows, row };
      }
    }
    return asked;
  }

  /** What was held under the id of a lease that was granted is gone, whatever was told of it. */
  supersede(rows: LeaseRows, row: number): void {
    const leaseId = rows.leaseId(row);
    for (const slots of this.shards) {
      for (const slot of slots.slotsOf(leaseId)) {
        const other = slots.owner(slot);
        if (other?.isLive(slots.row(slot)) === true) other.superseded(slots.row(slot));
      }
    }
  }

  /** As {@link find}, of all leases at once. */
  all(): Map<bigint, RowOfLease> {
    const found = new Map<bigint, RowOfLease>();
    for (const slots of this.shards) {
      for (const slot of slots.used()) {
        const rows = slots.owner(slot);
        const row = slots.row(slot);
        if (rows === undefined || rows.isOver(row)) continue;
        const leaseId = rows.leaseId(row);
        if (!rows.isAsked(row) || !found.has(leaseId)) found.set(leaseId, { rows, row });
      }
    }
    return found;
  }

  /**
   * Gives each row a slot, pending, in the shard that its id belongs to, or another one where that has failed for good. Undone as
   * a whole where one does not fit.
   *
   * @throws EtcdError `shard-failed` where no shard lives.
   */
  place(rows: LeaseRows, intervalMs: number): void {
    const living = this.#living();
    let row = 0;
    try {
      for (; row < rows.count; row += 1) {
        const state = this.#place(rows, row, living[rows.preferredShard(row)]);
        const slot = rows.slot(row);
        state.deadlineMs[slot] = 0;
        state.ttlSeconds[slot] = rows.ttlSeconds;
        state.intervalMs[slot] = intervalMs;
        state.observed[slot] = 0;
        state.setStatus(slot, LeaseStatus.Pending);
      }
    } catch (error) {
      while (row > 0) {
        row -= 1;
        this.slots(rows.shard(row)).give(rows.slot(row));
      }
      throw error;
    }
  }

  /** Takes a row out of a shard that failed for good into one that lives. False where none does. */
  move(rows: LeaseRows, row: number): boolean {
    const shard = this.#living()[rows.preferredShard(row)];
    if (typeof shard !== 'number' || shard === rows.shard(row) || this.slots(shard).isFull) return false;
    const before = this.slots(rows.shard(row));
    const from = rows.slot(row);
    const state = this.#place(rows, row, shard);
    const slot = rows.slot(row);
    state.deadlineMs[slot] = before.state.deadlineMs[from] ?? 0;
    state.ttlSeconds[slot] = before.state.ttlSeconds[from] ?? 0;
    state.intervalMs[slot] = before.state.intervalMs[from] ?? 0;
    state.observed[slot] = before.state.observed[from] ?? 0;
    state.setStatus(slot, before.state.status(from));
    before.give(from);
    return true;
  }

  /** For each shard: itself, the next one that lives, or why none does. */
  #living(): (number | EtcdError)[] {
    const failures = this.shards.map((_, shard) => this.#link.failure(shard));
    return failures.map((failure, shard) => {
      if (failure === undefined) return shard;
      for (let step = 1; step < failures.length; step += 1) {
        const next = (shard + step) % failures.length;
        if (failures[next] === undefined) return next;
      }
      return failure;
    });
  }

  #place(rows: LeaseRows, row: number, shard: number | EtcdError | undefined): LeaseState {
    if (typeof shard !== 'number') throw shard ?? new RangeError('no shard');
    const slots = this.slots(shard);
    rows.place(row, shard, slots.take(rows, row));
    rows.copyId(row, slots.state);
    return slots.state;
  }

  /** Sends a command for these rows, one message a shard. */
  command(kind: RowsCommand, rows: LeaseRows, which: readonly number[]): void {
    this.each(rows, which, (shard, slots) => {
      this.send(shard, { kind, slots });
    });
  }

  revoke(rows: LeaseRows, which: readonly number[], timeoutMs: number): void {
    this.each(rows, which, (shard, slots) => {
      this.send(shard, { kind: 'revoke', slots, timeoutMs });
    });
  }

  revokeElsewhere(leaseIds: readonly bigint[], limit: CallLimit): Promise<void> {
    return this.#revoker.many(leaseIds, limit);
  }

  /** The slots of these rows (of all where none are named), shard by shard. */
  each(
    rows: LeaseRows,
    which: readonly number[] | undefined,
    visit: (shard: number, slots: Uint32Array) => void,
  ): void {
    const count = which?.length ?? rows.count;
    const found = new Uint32Array(count);
    for (let shard = 0; shard < this.shards.length; shard += 1) {
      let end = 0;
      for (let i = 0; i < count; i += 1) {
        const row = which === undefined ? i : (which[i] ?? 0);
        if (rows.shard(row) !== shard) continue;
        found[end] = rows.slot(row);
        end += 1;
      }
      if (end > 0) visit(shard, found.slice(0, end));
    }
  }

  send(shard: number, command: LeaseCommand): void {
    this.#link.send(shard, command);
  }
}
