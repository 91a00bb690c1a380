/**
 * How often members are sent PINGs, by endpoint: half as often after each connection that one of them ended with `too_many_pings`, as
 * gRPC asks of clients (proposal A8). One for each thread, because the next connection has to know it.
 */

/** Longer would be no liveness check any more, and timers hold no more than 2^31 - 1 ms. */
const MAX_INTERVAL_MS = 3_600_000;

const intervals = new Map<string, number>();

/** The interval for a new connection: what was asked for, or what the member has made of it. */
export function pingIntervalMs(endpoint: string, configuredMs: number): number {
  return Math.max(configuredMs, intervals.get(endpoint) ?? 0);
}

/** The member has ended a connection because of its PINGs. */
export function tooManyPings(endpoint: string, intervalMs: number): void {
  intervals.set(endpoint, Math.max(intervalMs, Math.min(2 * intervalMs, MAX_INTERVAL_MS)));
}
