/**
 * Which leases to try apart from the others after a stream ended, or stood still, because of one of them. Pure.
 */

/**
 * Splits the unanswered renewals of a stream (oldest first) into groups, each to be sent on a stream of its own. etcd
 * answers in order, so the oldest is the likely culprit and stands alone; the others are halved, so that the search ends
 * in a logarithmic number of rounds even where answers overtake each other.
 */
export function splitSuspects(slots: readonly number[]): number[][] {
  const [oldest, ...others] = slots;
  if (oldest === undefined) return [];
  const middle = Math.ceil(others.length / 2);
  return [[oldest], others.slice(0, middle), others.slice(middle)].filter((group) => group.length > 0);
}
