/**
 * The one way of a watch from stream to stream: the same watch is created on the other one from its next revision, and
 * cancelled here once the server has shown that it has the history from there. What both deliver meanwhile is told apart by
 * revision, so nothing is lost or doubled; where that history was compacted the watch stays where it is, having missed nothing.
 * A sweep, which runs only while there is something to do, moves watches that have caught up, empties streams that are being
 * left, and closes those that nobody uses.
 */
import type { ShardContext } from '../shard-context.js';
import type { StoreGuard } from '../../member/store-guard.js';
import type { WatchCarrier, WatchEntry } from './watch-entry.js';
import type { WatchLane } from './watch-lane.js';
import type { WatchLanes } from './watch-lanes.js';
import { isCaughtUp } from './watch-placement.js';
import type { WatchStream } from './watch-stream.js';

const SWEEP_MS = 250;

/**
 * etcd looks for the history of new watches ten times a second. One that has not been refused for so long has its own, where nothing
 * else shows it: on servers whose answers to progress requests cannot be believed, and on the others where such an answer does not
 * come, since etcd gives none while a watch on the same stream is behind or begins in the future. With an answer nobody waits.
 */
export const SETTLE_MS = 3_000;

export interface HandOverOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly lanes: WatchLanes;
  /** Puts waiting watches on open streams; returns how many still wait. */
  readonly fill: () => number;
  /** The new stream of this watch keeps it. */
  readonly settle: (entry: WatchEntry) => void;
  /** A watch has nothing to replay any more, whether or not it can move. */
  readonly caughtUp: (entry: WatchEntry) => void;
  /** Whether a watch may go to the live stream now. */
  readonly mayMove: (entry: WatchEntry) => boolean;
}

export class HandOver {
  readonly #options: HandOverOptions;
  readonly #settling = new Set<WatchEntry>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Something may be due soon. */
  schedule(): void {
    if (this.#closed) return;
    this.#timer ??= this.#options.context.timers.setTimeout(() => {
      this.#timer = undefined;
      this.#sweep();
    }, SWEEP_MS);
  }

  /** Created on another stream; to be watched until that one has shown that it keeps it. */
  settling(entry: WatchEntry): void {
    this.#settling.add(entry);
    this.schedule();
  }

  close(): void {
    this.#closed = true;
    this.#settling.clear();
    this.#options.context.timers.clear(this.#timer);
  }

  #sweep(): void {
    const { context, lanes, fill } = this.#options;
    // Whatever else keeps a watch: this stream is about to go.
    const mayLeave = (entry: WatchEntry): boolean => entry.movesRefused === 0 || context.now() >= entry.moveAfter;
    const waiting = fill();
    this.#settle();
    this.#moveCaughtUp(lanes.catchUp);
    for (const lane of lanes.isolated) this.#moveCaughtUp(lane);
    for (const lane of lanes.all) {
      if (lane.stream !== undefined) {
        for (const stream of lane.draining) {
          let isAnyHeldBack = false;
          for (const entry of stream.entries()) {
            if (mayLeave(entry) && !move(entry, lane.stream)) isAnyHeldBack = true;
          }
          if (isAnyHeldBack && stream.trustsProgress) stream.requestProgress();
        }
      }
    }
    lanes.catchUp.releaseUnused();
    for (const lane of lanes.isolated) lane.releaseUnused();
    // What catches up will need the live stream soon; those that it replaced nobody needs.
    if (lanes.catchUp.openStreams === 0) lanes.live.releaseUnused();
    else lanes.live.releaseDrained();
    const isBusy = lanes.catchUp.openStreams > 0 || lanes.live.draining.size > 0 || lanes.isolated.length > 0;
    if (this.#settling.size > 0 || waiting > 0 || isBusy) this.schedule();
  }

  /** Asks the streams that took watches over how far they are; without an answer they have time. */
  #settle(): void {
    const { context, lanes, settle } = this.#options;
    const asked = new Set<WatchCarrier>();
    for (const entry of this.#settling) {
      const { state } = entry;
      if (state.at !== 'settling') {
        this.#settling.delete(entry);
        continue;
      }
      const { stream } = state.to;
      const readSince = lanes.ofStream(stream)?.readSince;
      if (readSince !== undefined && context.now() - Math.max(state.sinceMs, readSince) >= SETTLE_MS) settle(entry);
      else if (stream.trustsProgress) asked.add(stream);
    }
    for (const stream of asked) stream.requestProgress();
  }

  #moveCaughtUp(lane: WatchLane): void {
    const { context, guard, lanes, caughtUp, mayMove } = this.#options;
    const { live } = lanes;
    const { stream, readSince } = lane;
    // What a paused stream holds back is not silence.
    if (stream === undefined || readSince === undefined) return;
    let isAnyBehind = false;
    for (const entry of stream.entries()) {
      if (entry.state.at !== 'active') continue;
      const quietMs = context.now() - Math.max(entry.heardAt, readSince);
      if (!isCaughtUp(entry.next, guard.revision, quietMs)) {
        isAnyBehind ||= quietMs >= SWEEP_MS;
        continue;
      }
      caughtUp(entry);
      if (!mayMove(entry)) continue;
      if (live.stream === undefined) live.want();
      else if (!move(entry, live.stream)) isAnyBehind = true;
    }
    // An answer brings watches forward whose ranges have not changed: better than to create them again far behind, where
    // the history they would be created from may just be compacted.
    if (isAnyBehind && lane.trustsProgress) stream.requestProgress();
  }
}

/** False where it has to stay: the history that the other stream would begin with is gone. */
function move(entry: WatchEntry, stream: WatchStream): boolean {
  const { state } = entry;
  if (state.at !== 'active' || state.on.stream === stream) return true;
  if (entry.next < entry.heldBackBelow) return false;
  const start = entry.next;
  entry.enter({ at: 'moving', from: state.on, to: { stream, streamWatchId: stream.create(entry, start) }, start });
  return true;
}
