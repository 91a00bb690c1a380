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
    if (state.status(slot) !== LeaseStatus.Live || this.clock.hasHung()) return false;
    return this.clock.nowMs(state) < (state.deadlineMs[slot] ?? 0);
  }

  /** @throws EtcdError `shard-failed` where a row's shard is gone for good. */
  refuseFailed(rows: LeaseRows): void {
    for (let row = 0; row < rows.count; row += 1) {
      const failure = this.#link.failure(rows.shard(row));
      if (failure !== undefined) throw failure;
      if (this.shards.length === 1) return;
    }
  }

  /** Gives each row a slot, pending. Undone as a whole where one does not fit. */
  place(rows: LeaseRows, intervalMs: number): void {
    let row = 0;
    try {
      for (; row < rows.count; row += 1) {
        const slots = this.slots(rows.shard(row));
        const slot = slots.take(rows, row);
        rows.place(row, slot);
        rows.copyId(row, slots.state);
        slots.state.deadlineMs[slot] = 0;
        slots.state.ttlSeconds[slot] = rows.ttlSeconds;
        slots.state.intervalMs[slot] = intervalMs;
        slots.state.observed[slot] = 0;
        slots.state.setStatus(slot, LeaseStatus.Pending);
      }
    } catch (error) {
      while (row > 0) {
        row -= 1;
        this.slots(rows.shard(row)).give(rows.slot(row));
      }
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
