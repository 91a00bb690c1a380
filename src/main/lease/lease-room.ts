/**
 * Where leases live: finds the shard of a lease by its id, its shared state, and sends commands for rows. Internal to the
 * lease service; main thread.
 */
import type { LeaseCommand } from '../../wire/lease-contract.js';
import { LeaseStatus, type LeaseState } from '../../wire/lease-state.js';
import { LeaseClock } from './lease-clock.js';
import type { LeaseLink } from './lease-link.js';
import type { LeaseRows, RowsCommand, RowsRoom } from './lease-rows.js';
import { LeaseSlots } from './lease-slots.js';
import { monotonicMs } from '../../wire/monotonic-clock.js';

/** Limit for a grant, first renewal or revocation that names none; many get 1 ms more for each. */
export const CALL_TIMEOUT_MS = 10_000;

export class LeaseRoom implements RowsRoom {
  readonly shards: readonly LeaseSlots<LeaseRows>[];
  readonly clock: LeaseClock;
  readonly #link: LeaseLink;

  constructor(link: LeaseLink, livenessMs: number) {
    this.#link = link;
    this.shards = Array.from({ length: link.shards }, () => new LeaseSlots<LeaseRows>(livenessMs, monotonicMs()));
    this.clock = new LeaseClock(
      this.shards.map((slots) => slots.state),
      livenessMs,
    );
  }

  /** A lease's shard follows from its id, so that the same id always meets itself. */
  shardOf(leaseId: bigint): number {
    return Number(BigInt.asUintN(32, leaseId ^ (leaseId >> 32n)) % BigInt(this.shards.length));
  }

  slots(shard: number): LeaseSlots<LeaseRows> {
    const slots = this.shards[shard];
    if (slots === undefined) throw new RangeError(`no shard ${String(shard)}`);
    return slots;
  }

  state(leaseId: bigint): LeaseState {
    return this.slots(this.shardOf(leaseId)).state;
  }

  nowMs(leaseId: bigint): number {
    return this.clock.nowMs(this.state(leaseId));
  }

  isAlive(leaseId: bigint, slot: number): boolean {
    const state = this.state(leaseId);
    if (state.status(slot) !== LeaseStatus.Live || this.clock.hasHung()) return false;
    return this.clock.nowMs(state) < (state.deadlineMs[slot] ?? 0);
  }

  /** @throws EtcdError `shard-failed` where a row's shard is gone for good. */
  refuseFailed(rows: LeaseRows): void {
    for (let row = 0; row < rows.count; row += 1) {
      const failure = this.#link.failure(this.shardOf(rows.leaseId(row)));
      if (failure !== undefined) throw failure;
      if (this.shards.length === 1) return;
    }
  }

  /** Gives each row a slot, pending. Undone as a whole where one does not fit. */
  place(rows: LeaseRows, intervalMs: number): void {
    const taken: [slots: LeaseSlots<LeaseRows>, slot: number][] = [];
    try {
      for (let row = 0; row < rows.count; row += 1) {
        const leaseId = rows.leaseId(row);
        const slots = this.slots(this.shardOf(leaseId));
        const slot = slots.take(rows, row);
        taken.push([slots, slot]);
        slots.state.leaseId[slot] = leaseId;
        slots.state.deadlineMs[slot] = 0;
        slots.state.ttlSeconds[slot] = rows.ttlSeconds;
        slots.state.intervalMs[slot] = intervalMs;
        slots.state.observed[slot] = 0;
        slots.state.setStatus(slot, LeaseStatus.Pending);
        rows.place(row, slot);
      }
    } catch (error) {
      for (const [slots, slot] of taken) slots.give(slot);
      throw error;
    }
  }

  /** Sends a command for these rows, one message a shard. */
  command(kind: RowsCommand, rows: LeaseRows, which: readonly number[]): void {
    this.each(rows, which, (shard, slots) => {
      this.send(shard, { kind, slots });
    });
  }

  revoke(rows: LeaseRows, which: readonly number[], timeoutMs: number = CALL_TIMEOUT_MS + which.length): void {
    this.each(rows, which, (shard, slots) => {
      this.send(shard, { kind: 'revoke', slots, timeoutMs });
    });
  }

  /** The slots of these rows, shard by shard. */
  each(rows: LeaseRows, which: readonly number[], visit: (shard: number, slots: Uint32Array) => void): void {
    const byShard = this.shards.map((): number[] => []);
    for (const row of which) byShard[this.shardOf(rows.leaseId(row))]?.push(rows.slot(row));
    byShard.forEach((slots, shard) => {
      if (slots.length > 0) visit(shard, Uint32Array.from(slots));
    });
  }

  send(shard: number, command: LeaseCommand): void {
    this.#link.send(shard, command);
  }
}
