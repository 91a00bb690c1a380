/**
 * How a busy shard lets answers gather before it reads them: on a thread of its own it sleeps; inline, where the thread is the
 * application's, it only leaves its sockets unread.
 */
import type { GuardedTimers } from '../wire/guarded-timers.js';

/**
 * Reads nothing for `ms`, then what has come (of each socket what node reads in one turn, 2 MiB), then calls back. The function
 * returned gives the rest up; nothing is called back then.
 */
export type Rest = (ms: number, rested: () => void) => () => void;

/** What can be left unread. */
export interface Readable {
  hold(): void;
  release(): void;
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function sleep(timers: GuardedTimers): Rest {
  return (ms, rested) => {
    if (ms > 0) Atomics.wait(never, 0, 0, ms);
    const next = timers.setImmediate(rested); // the sockets are read before it
    return () => timers.clearImmediate(next);
  };
}

/** Blocks nobody; what `readable` cannot hold back is read all the same. */
export function leaveUnread(readable: Readable, timers: GuardedTimers): Rest {
  return (ms, rested) => {
    let next: NodeJS.Immediate | undefined;
    let isHeld = true;
    readable.hold();
    const timer = timers.setTimeout(() => {
      isHeld = false; // also where it throws: giving the rest up, as the guard may, must not throw again
      readable.release();
      next = timers.setImmediate(rested); // the sockets are read before it
    }, Math.ceil(ms));
    return () => {
      timers.clear(timer);
      timers.clearImmediate(next);
      if (isHeld) readable.release();
    };
  };
}
