/**
 * The state of one shard's leases that both threads can read at any time, without a message: a SharedArrayBuffer of
 * columns, one row a lease slot. Main allocates it, gives it to the shard (and to its successor after a crash) and writes
 * ids, intervals and its heartbeat; the shard writes deadlines, TTLs and the status. Pure layout; no clock, no I/O.
 *
 * Every cell has one writer at a time and is aligned, so a read is never torn on the 64-bit platforms that Node runs on.
 * The status goes through Atomics, since the other cells of a row are published by it.
 */
import { endianness } from 'node:os';

/** Cells of a slot's id in `LeaseState.leaseIdHalves`: `2 * slot + LOW_HALF`, `2 * slot + HIGH_HALF`. */
export const LOW_HALF: 0 | 1 = endianness() === 'LE' ? 0 : 1;
export const HIGH_HALF: 0 | 1 = endianness() === 'LE' ? 1 : 0;

/** Rows of a shard. Memory is reserved, not used: the system hands out pages as rows are written. */
export const LEASE_CAPACITY: number = 1 << 20;

/** Where a lease is, as both threads see it. The values from {@link LeaseStatus.Revoked} on are ends. */
export const LeaseStatus = {
  Free: 0,
  /** Asked for, not answered yet. */
  Pending: 1,
  Live: 2,
  Revoked: 3,
  Lost: 4,
  Expired: 5,
  Halted: 6,
} as const;

export type LeaseStatusCode = (typeof LeaseStatus)[keyof typeof LeaseStatus];

const HEADER_BYTES = 64;
const ROW_BYTES = 8 + 8 + 8 + 4 + 4 + 1;

/** Float64 cells of the header. */
const HEARTBEAT = 0;
const LIVENESS = 1;
const WALL_AHEAD = 2;
const BOOT_AHEAD = 4;
/** Int32 cell of the header, in the place of the fourth of the above. */
const HALTS = 6;

export class LeaseState {
  readonly buffer: SharedArrayBuffer;
  readonly capacity: number;
  /** Written by main before the slot is named in a command, never while it lives. */
  readonly leaseId: BigInt64Array;
  /** The same ids as halves, for code that makes no bigints: two cells a slot, in the machine's own order. */
  readonly leaseIdHalves: Int32Array;
  /** End of the lease on the monotonic clock (monotonic-clock.ts); 0 before it is known. */
  readonly deadlineMs: Float64Array;
  /** As asked for while pending; as the server answered afterwards. */
  readonly ttlSeconds: Float64Array;
  /** Renewal interval asked for by the application; 0: a third of the answered TTL. May change while the lease lives. */
  readonly intervalMs: Uint32Array;
  /** 1: main wants to hear of each renewal. May change while the lease lives. */
  readonly observed: Uint8Array;
  readonly #header: Float64Array;
  readonly #counters: Int32Array;
  readonly #status: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    const capacity = Math.floor((buffer.byteLength - HEADER_BYTES) / ROW_BYTES);
    this.buffer = buffer;
    this.capacity = capacity;
    this.#header = new Float64Array(buffer, 0, HEADER_BYTES / 8);
    this.#counters = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    let at = HEADER_BYTES;
    this.leaseId = new BigInt64Array(buffer, at, capacity);
    this.leaseIdHalves = new Int32Array(buffer, at, 2 * capacity);
    at += 8 * capacity;
    this.deadlineMs = new Float64Array(buffer, at, capacity);
    at += 8 * capacity;
    this.ttlSeconds = new Float64Array(buffer, at, capacity);
    at += 8 * capacity;
    this.intervalMs = new Uint32Array(buffer, at, capacity);
    at += 4 * capacity;
    this.#status = new Int32Array(buffer, at, capacity);
    at += 4 * capacity;
    this.observed = new Uint8Array(buffer, at, capacity);
  }

  /** A new state for a shard. The capacity is rounded up to a multiple of eight, which keeps the columns aligned. */
  static allocate(capacity: number = LEASE_CAPACITY): LeaseState {
    return new LeaseState(new SharedArrayBuffer(HEADER_BYTES + Math.ceil(capacity / 8) * 8 * ROW_BYTES));
  }

  /** Whether this slot ever had a lease. Slots are taken from 0 on, and no id is 0. */
  hasBeenUsed(slot: number): boolean {
    return slot < this.capacity && this.leaseId[slot] !== 0n;
  }

  status(slot: number): LeaseStatusCode {
    return Atomics.load(this.#status, slot) as LeaseStatusCode; // only setStatus writes it
  }

  setStatus(slot: number, status: LeaseStatusCode): void {
    Atomics.store(this.#status, slot, status);
  }

  /** When main's event loop last ran, on the monotonic clock. Written by main. */
  get heartbeatMs(): number {
    return this.#header[HEARTBEAT] ?? 0;
  }

  set heartbeatMs(value: number) {
    this.#header[HEARTBEAT] = value;
  }

  /** How long main may hang before its leases are given up; 0: for ever. Written once by main, before the shard starts. */
  get livenessMs(): number {
    return this.#header[LIVENESS] ?? 0;
  }

  set livenessMs(value: number) {
    this.#header[LIVENESS] = value;
  }

  /** Wall clock minus monotonic clock, as the shard last saw it; 0 before it looked. It jumps when the machine was suspended. */
  get wallAheadMs(): number {
    return this.#header[WALL_AHEAD] ?? 0;
  }

  set wallAheadMs(value: number) {
    this.#header[WALL_AHEAD] = value;
  }

  /** Time since the machine started minus monotonic clock, as a shard saw it last; NaN where the system does not tell. */
  get bootAheadMs(): number {
    return this.#header[BOOT_AHEAD] ?? 0;
  }

  set bootAheadMs(value: number) {
    this.#header[BOOT_AHEAD] = value;
  }

  /** How often main has found that it hung longer than `livenessMs`. */
  get halts(): number {
    return Atomics.load(this.#counters, HALTS);
  }

  /** Called by main when it finds that it hung: the shard ends every lease it holds, whatever it saw itself. */
  requestHalt(): void {
    Atomics.add(this.#counters, HALTS, 1);
  }

  /** Until the shard has ended them, the leases that lived when main hung are marked, so that main takes none for alive. */
  markHalted(): void {
    for (let slot = 0; this.hasBeenUsed(slot); slot += 1) {
      Atomics.compareExchange(this.#status, slot, LeaseStatus.Live, LeaseStatus.Halted);
    }
  }

  /**
   * Called by main when it finds a lease that lives past its deadline: whatever is written to the row afterwards, it takes it
   * for alive no more. The shard ends it when it comes to it.
   */
  markExpired(slot: number): void {
    Atomics.compareExchange(this.#status, slot, LeaseStatus.Live, LeaseStatus.Expired);
  }

  /** Whether main has hung too long, seen from either thread. */
  hasHung(nowMs: number): boolean {
    const livenessMs = this.livenessMs;
    return livenessMs > 0 && nowMs - this.heartbeatMs > livenessMs;
  }
}
