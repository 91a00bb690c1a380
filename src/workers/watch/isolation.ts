/**
 * Finds the watch that makes its stream end: the watches of such a stream are halved, each half gets a lane of its own, and the
 * half whose stream ends in that way again is halved again, down to one watch, which ends when it goes on so. The others are
 * delivered to from their next revision as soon as their part has a lane, of which there are only so many: with many culprits they
 * may wait long for one. They go back to the live stream when theirs has proved to be fine. With one culprit that costs each
 * watch about two creations, and as many connections as the number of watches can be halved.
 */
import { STABLE_MS } from './lane-failures.js';
import type { WatchEntry } from './watch-entry.js';
import type { WatchLane } from './watch-lane.js';
import type { WatchLanes } from './watch-lanes.js';
import type { WatchStream } from './watch-stream.js';

/** Lanes at a time. What finds no place waits for one: it cannot go back to where it ends the stream of others. */
const MAX_LANES = 16;

/**
 * Of so many places one goes to the cell that has waited longest; the others to the newest, so that what was halved is followed to its
 * end. Without it a consumer that adds such watches all the time would keep those of others waiting for ever.
 */
const OLDEST_EVERY = 4;

/** A stream that has lived so long may be trusted where others wait for its place. */
const ALIVE_MS = 1000;

/** So many watches in a row end alone, with no creation answered on any stream meanwhile, and it may be the server, not they. */
const SERVER_AFTER = 8;

/** Into how many parts watches are cut that fail together, and where it may be the server. */
const PARTS = 2;
const SERVER_PARTS = 16;

/** How often the time doubles that a watch is kept apart: one that ends its stream late would soon do so again. */
const MAX_DOUBLINGS = 6;

/** Watches that are kept apart from all others. */
interface Cell {
  /** Undefined until there is a place for it. */
  lane: WatchLane | undefined;
  readonly fragments: boolean;
  readonly watches: Set<WatchEntry>;
  /** Those that wait for its stream. */
  readonly waiting: Set<WatchEntry>;
}

/** What the lane of a cell asks. */
export interface CellWatches {
  readonly waiting: ReadonlySet<WatchEntry>;
}

export interface IsolationOptions {
  readonly lanes: WatchLanes;
  /** A lane for these watches. `fragments`: have their answers split from the beginning. */
  readonly makeLane: (watches: CellWatches, fragments: boolean) => WatchLane;
  readonly now: () => number;
}

export class Isolation {
  readonly #options: IsolationOptions;
  readonly #running = new Set<Cell>();
  /** The newest last, which are the smallest. */
  readonly #parked: Cell[] = [];
  readonly #cellOf = new Map<WatchEntry, Cell>();
  #endedInARow = 0;
  /** Places given so far. */
  #placed = 0;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /**
   * Keeps these apart, in two halves, after a stream with them has ended; in smaller parts where all may fail. They are still to
   * be placed. `isCertain`: one of them must be the cause, so that parts may have to wait; otherwise they stay where they are
   * when there is no place.
   */
  halve(suspects: readonly WatchEntry[], fragments: boolean, isCertain: boolean): void {
    if (!isCertain && this.#running.size + 2 > MAX_LANES) return;
    for (const entry of suspects) this.release(entry);
    const size = Math.ceil(suspects.length / (this.isServerSuspected ? SERVER_PARTS : PARTS));
    for (let from = size * (Math.ceil(suspects.length / size) - 1); from >= 0; from -= size) {
      const watches = suspects.slice(from, from + size);
      const cell: Cell = { lane: undefined, fragments, watches: new Set(watches), waiting: new Set() };
      for (const entry of watches) this.#cellOf.set(entry, cell);
      this.#parked.push(cell);
    }
    this.#runParked();
  }

  /** Lets a watch that is kept apart wait for its stream; false for any other. */
  place(entry: WatchEntry): boolean {
    const cell = this.#cellOf.get(entry);
    if (cell === undefined) return false;
    cell.waiting.add(entry);
    cell.lane?.want();
    return true;
  }

  /** It does not wait any more. */
  unplace(entry: WatchEntry): void {
    this.#cellOf.get(entry)?.waiting.delete(entry);
  }

  /** Every watch that waits for a stream that is open, with that stream. */
  placeable(): (readonly [WatchEntry, WatchStream])[] {
    const found: (readonly [WatchEntry, WatchStream])[] = [];
    for (const { lane, waiting } of this.#running) {
      if (lane?.stream !== undefined) for (const entry of waiting) found.push([entry, lane.stream]);
    }
    return found;
  }

  /** It was created on another stream than the live one: if that is its cell's, it stays there until it can be trusted. */
  created(entry: WatchEntry): void {
    this.#endedInARow = 0;
    if (this.#cellOf.has(entry)) this.delayMove(entry);
  }

  /** It was created on the live stream, among the others. */
  returned(entry: WatchEntry): void {
    this.#endedInARow = 0;
    if (!this.#cellOf.has(entry)) return;
    entry.isolations += 1;
    this.release(entry);
  }

  /** Puts off the next move to another lane. */
  delayMove(entry: WatchEntry): void {
    entry.moveAfter = this.#options.now() + STABLE_MS * 2 ** Math.min(entry.isolations, MAX_DOUBLINGS);
  }

  /** Whether a watch may leave its lane: when its time is over, or others wait for its place and its stream lives. */
  mayMove(entry: WatchEntry): boolean {
    const now = this.#options.now();
    if (now >= entry.moveAfter) return true;
    const openSince = this.#cellOf.get(entry)?.lane?.openSince;
    return this.#parked.length > 0 && openSince !== undefined && now - openSince >= ALIVE_MS;
  }

  /** A watch ended alone. */
  endedAlone(): void {
    this.#endedInARow += 1;
  }

  /**
   * Whether many have ended alone while nothing else worked. Then each that is left gets one attempt of its own instead of several,
   * until the server creates one: it may be the server that fails, or only culprits may have had their turn.
   */
  get isServerSuspected(): boolean {
    return this.#endedInARow >= SERVER_AFTER;
  }

  /** It has ended, is detached, or has a place elsewhere. */
  release(entry: WatchEntry): void {
    const cell = this.#cellOf.get(entry);
    if (cell === undefined) return;
    this.#cellOf.delete(entry);
    cell.watches.delete(entry);
    cell.waiting.delete(entry);
    if (cell.watches.size > 0) return;
    if (cell.lane === undefined) {
      this.#parked.splice(this.#parked.indexOf(cell), 1);
      return;
    }
    this.#running.delete(cell);
    this.#options.lanes.removeIsolated(cell.lane);
    this.#runParked();
  }

  #runParked(): void {
    while (this.#running.size < MAX_LANES) {
      const cell = this.#nextParked();
      if (cell === undefined) return;
      cell.lane = this.#options.makeLane(cell, cell.fragments);
      this.#running.add(cell);
      this.#options.lanes.addIsolated(cell.lane);
      if (cell.waiting.size > 0) cell.lane.want();
    }
  }
  #nextParked(): Cell | undefined {
    if (this.#parked.length === 0) return undefined;
    this.#placed += 1;
    return this.#placed % OLDEST_EVERY === 0 ? this.#parked.shift() : this.#parked.pop();
  }
}
