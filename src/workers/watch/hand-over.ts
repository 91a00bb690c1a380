/**
 * The one way of a watch from stream to stream: the same watch is created on the other one from its next revision, and
 * cancelled here once it has been. What both deliver meanwhile is told apart by revision, so nothing is lost or doubled.
 * A sweep, which runs only while there is something to do, moves watches that have caught up, empties streams that are being
 * left, and closes those that nobody uses.
 */
import type { ShardContext } from '../shard-context.js';
import type { StoreGuard } from '../member/store-guard.js';
import type { WatchEntry } from './watch-entry.js';
import type { WatchLanes } from './watch-lanes.js';
import { isCaughtUp } from './watch-placement.js';
import type { WatchStream } from './watch-stream.js';

const SWEEP_MS = 250;

export interface HandOverOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly lanes: WatchLanes;
  /** Puts waiting watches on open streams; returns how many still wait. */
  readonly fill: () => number;
}

export class HandOver {
  readonly #options: HandOverOptions;
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

  close(): void {
    this.#closed = true;
    this.#options.context.timers.clear(this.#timer);
  }

  #sweep(): void {
    const { lanes, fill } = this.#options;
    const waiting = fill();
    this.#moveCaughtUp();
    for (const lane of lanes.all) {
      if (lane.stream !== undefined) {
        for (const stream of lane.draining) for (const entry of stream.entries()) move(entry, lane.stream);
      }
    }
    lanes.catchUp.releaseUnused();
    // What catches up will need the live stream soon.
    if (lanes.catchUp.openStreams === 0) lanes.live.releaseUnused();
    if (waiting > 0 || lanes.catchUp.openStreams > 0 || lanes.live.draining.size > 0) this.schedule();
  }

  #moveCaughtUp(): void {
    const { context, guard, lanes } = this.#options;
    const { live, catchUp } = lanes;
    const { stream, readSince } = catchUp;
    // What a paused stream holds back is not silence.
    if (stream === undefined || readSince === undefined) return;
    let isAnyBehind = false;
    for (const entry of stream.entries()) {
      if (entry.state.at !== 'active') continue;
      const quietMs = context.now() - Math.max(entry.heardAt, readSince);
      if (!isCaughtUp(entry.next, guard.revision, quietMs)) isAnyBehind ||= quietMs >= SWEEP_MS;
      else if (live.stream !== undefined) move(entry, live.stream);
      else live.want();
    }
    // An answer brings watches forward whose ranges have not changed: better than to create them again far behind, where
    // the history they would be created from may just be compacted.
    if (isAnyBehind && catchUp.trustsProgress) stream.requestProgress();
  }
}

function move(entry: WatchEntry, stream: WatchStream): void {
  const { state } = entry;
  if (state.at !== 'active' || state.on.stream === stream) return;
  entry.enter({ at: 'moving', from: state.on, to: { stream, streamWatchId: stream.create(entry, entry.next) } });
}
