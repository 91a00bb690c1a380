/**
 * How a busy shard lets answers gather before it reads them: on a thread of its own it sleeps; inline, where the thread is the
 * application's, it only leaves its sockets unread.
 */

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
export const sleep: Rest = (ms, rested) => {
  if (ms > 0) Atomics.wait(never, 0, 0, ms);
  const next = setImmediate(rested); // the sockets are read before it
  return () => clearImmediate(next);
};

/** Blocks nobody; what `readable` cannot hold back is read all the same. */
export function leaveUnread(readable: Readable, guarded: (callback: () => void) => () => void): Rest {
  return (ms, rested) => {
    let next: NodeJS.Immediate | undefined;
    let isHeld = true;
    const release = guarded(() => {
      isHeld = false; // also where it throws: giving the rest up, as the guard may, must not throw again
      readable.release();
      next = setImmediate(rested); // the sockets are read before it
    });
    readable.hold();
    const timer = setTimeout(release, Math.ceil(ms));
    return () => {
      clearTimeout(timer);
      clearImmediate(next);
      if (isHeld) readable.release();
    };
  };
}
