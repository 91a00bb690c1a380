/**
 * The slots of one shard on the main thread: which are free, and which row of which call each belongs to. Owns the shared
 * state, which outlives the shard's worker.
 */
import { EtcdError } from '../../wire/errors.js';
import { LeaseState } from '../../wire/lease-state.js';

export class LeaseSlots<Owner> {
  readonly state: LeaseState;
  readonly #owner: (Owner | undefined)[] = [];
  #row: Uint32Array = new Uint32Array(64);
  readonly #free: number[] = [];
  /** Slots from here on have never been used. */
  #end = 0;

  constructor(livenessMs: number, nowMs: number) {
    this.state = LeaseState.allocate();
    this.state.livenessMs = livenessMs;
    this.state.heartbeatMs = nowMs;
  }

  get isFull(): boolean {
    return this.#free.length === 0 && this.#end >= this.state.capacity;
  }

  /** Takes a free slot for a row. */
  take(owner: Owner, row: number): number {
    const slot = this.#free.pop() ?? this.#end;
    if (slot >= this.state.capacity) {
      const message = `a shard holds at most ${String(this.state.capacity)} leases: release some, or use more shards`;
      throw new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent' });
    }
    if (slot === this.#end) this.#end += 1;
    if (slot >= this.#row.length) {
      const larger = new Uint32Array(2 * this.#row.length);
      larger.set(this.#row);
      this.#row = larger;
    }
    this.#owner[slot] = owner;
    this.#row[slot] = row;
    return slot;
  }

  give(slot: number): void {
    if (this.#owner[slot] === undefined) return;
    this.#owner[slot] = undefined;
    this.#free.push(slot);
  }

  owner(slot: number): Owner | undefined {
    return this.#owner[slot];
  }

  row(slot: number): number {
    return this.#row[slot] ?? 0;
  }

  /** The slots of a lease, usually none or one. Looks at every slot. */
  *slotsOf(leaseId: bigint): Generator<number> {
    const ids = this.state.leaseId.subarray(0, this.#end); // beyond, pages were never touched
    for (let slot = ids.indexOf(leaseId); slot >= 0; slot = ids.indexOf(leaseId, slot + 1)) {
      if (this.#owner[slot] !== undefined) yield slot;
    }
  }

  /** Slots in use. */
  *used(): Generator<number> {
    for (let slot = 0; slot < this.#end; slot += 1) if (this.#owner[slot] !== undefined) yield slot;
  }
}
