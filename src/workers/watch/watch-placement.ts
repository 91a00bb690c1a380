/** Which lane a watch belongs on, and when it may change it. Pure. */

/**
 * Revisions that a live stream takes along without delaying anybody: one catch-up response of the server holds as many.
 * More than that is replayed on the catch-up lane.
 */
export const LIVE_BACKLOG_REVISIONS = 1000;

/** A watch that has heard nothing for so long has no backlog worth a lane of its own. */
const QUIET_MS = 1000;

/** Replays of consumers that had lagged, at a time: they may fall behind again at once, and what is replayed for nothing costs everybody. */
export const LAGGED_REPLAYS = 64;

/**
 * @param next the watch's next revision, 0 for «from now on».
 * @param storeRevision the highest revision known of the store, 0 for none yet.
 */
export function chooseLane(next: number, storeRevision: number, lagged: boolean): 'live' | 'catch-up' {
  if (lagged) return 'catch-up';
  if (next === 0 || storeRevision === 0) return 'live';
  // A watch from a future revision keeps the server from answering progress requests on its stream.
  if (next > storeRevision + 1) return 'catch-up';
  return storeRevision - next >= LIVE_BACKLOG_REVISIONS ? 'catch-up' : 'live';
}

/** Whether a watch on the catch-up lane may move to a live stream. */
export function isCaughtUp(next: number, storeRevision: number, quietMs: number): boolean {
  if (next > storeRevision + 1) return false;
  if (storeRevision + 1 - next < LIVE_BACKLOG_REVISIONS / 2) return true;
  // Nothing came although it is far behind: nothing in its range changed. Moving is right at any time, only never cheaper.
  return quietMs >= QUIET_MS;
}
