/**
 * How many streams a shard's renewals need. etcd handles a stream strictly one renewal after the other, so a stream that is
 * at work more than half of the time is too little; on the leader one is enough for tens of thousands, on a follower it
 * is not. Pure; the clock is passed in.
 */

/** What is looked at of a stream. */
export interface MeasuredStream {
  takeBusyMs(): number;
}

const WINDOW_MS = 1_000;
const MAX_STREAMS = 64;
const BUSY = 0.5;
const IDLE = 0.05;
/** Windows in a row that must be idle before a stream is given up. */
const PATIENCE = 30;

export class StreamLoad {
  /** Streams to have. */
  count = 1;
  #windowStartMs = 0;
  #idleWindows = 0;

  /** Looks at the streams once a second; gives the number to have. A smaller number applies when streams are next opened. */
  wanted(streams: readonly MeasuredStream[], nowMs: number): number {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return this.count;
    this.#windowStartMs = nowMs;
    let busyMs = 0;
    for (const stream of streams) busyMs += stream.takeBusyMs();
    const load = streams.length === 0 ? 0 : busyMs / (elapsedMs * streams.length);
    if (load > BUSY) {
      this.count = Math.min(MAX_STREAMS, 2 * Math.max(1, streams.length));
      this.#idleWindows = 0;
    } else if (load < IDLE && this.count > 1) {
      this.#idleWindows += 1;
      if (this.#idleWindows >= PATIENCE) {
        this.count = Math.ceil(this.count / 2);
        this.#idleWindows = 0;
      }
    } else {
      this.#idleWindows = 0;
    }
    return this.count;
  }
}
