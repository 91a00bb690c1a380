/**
 * Finds a member with a working connection without waiting for dead ones: connections are started one after the other with a
 * short head start, and the first that is ready wins. Main thread.
 */
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import type { MemberChannel } from './member-channel.js';
import type { CallScope } from './call-scope.js';

/** How long one member may take to connect before the next one is started as well. */
const HEAD_START_MS = 250;

/**
 * The member to send to, out of `order` (never empty): the first that is connected, else the first to become so. A member
 * whose connection fails counts as an answer only when all do: the call then made on it ends at once and tells why.
 *
 * @param limitMs how long to wait for connections.
 * @returns undefined where none was ready in time.
 */
export async function connectAny(
  order: readonly number[],
  channels: readonly MemberChannel[],
  limitMs: number,
  scope: CallScope,
): Promise<number | undefined> {
  const endMs = performanceNow() + limitMs;
  let started = 1;
  while (true) {
    const ready = firstReady(order, channels, started);
    if (ready !== undefined) return ready;
    const connecting = order.slice(0, started).filter((member) => channels[member]?.connect() === 'connecting');
    const leftMs = endMs - performanceNow();
    if (connecting.length === 0) {
      if (started === order.length) return order[0];
      started += 1;
      continue;
    }
    if (leftMs <= 0) return undefined;
    const waitMs = started < order.length ? Math.min(HEAD_START_MS, leftMs) : leftMs;
    const changed = await anyChange(connecting, channels, waitMs, scope);
    if (!changed && started < order.length) started += 1;
  }
}

/** The first connected member. Of those that are not, only the first `started` are made to connect. */
function firstReady(order: readonly number[], channels: readonly MemberChannel[], started: number): number | undefined {
  return order.find((member, place) => {
    const channel = channels[member];
    return channel !== undefined && (place < started || channel.isStarted) && channel.connect() === 'ready';
  });
}

/** False when nothing changed within the time. */
function anyChange(
  members: readonly number[],
  channels: readonly MemberChannel[],
  limitMs: number,
  scope: CallScope,
): Promise<boolean> {
  return scope.race<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    // The watchers of the losers are dropped by grpc-js at their own limit.
    for (const member of members) {
      channels[member]?.onChange(limitMs, () => {
        clearTimeout(timer);
        resolve(true);
      });
    }
    return () => clearTimeout(timer);
  });
}
