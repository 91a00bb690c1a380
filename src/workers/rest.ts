/**
 * How a busy shard lets answers gather before it reads them: on a thread of its own it sleeps; inline, where the thread is the
 * application's, it only leaves its sockets unread.
 */

/** Reads nothing for `ms`, then all that has come, then calls back. */
export type Rest = (ms: number, rested: () => void) => void;

/** What can be left unread. */
export interface Readable {
  hold(): void;
  release(): void;
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export const sleep: Rest = (ms, rested) => {
  if (ms > 0) Atomics.wait(never, 0, 0, ms);
  setImmediate(rested); // the sockets are read before it
};

/** Blocks nobody; what `readable` cannot hold back is read all the same. */
export function leaveUnread(readable: Readable): Rest {
  return (ms, rested) => {
    readable.hold();
    setTimeout(() => {
      readable.release();
      setImmediate(rested); // the sockets are read before it
    }, Math.ceil(ms));
  };
}
