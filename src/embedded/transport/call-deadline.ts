/**
 * The time limit that a client sends with a call. Pure but for its timer, which never keeps the process alive.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';

const UNIT_MS: Readonly<Partial<Record<string, number>>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

// Node fires a timer of a longer delay at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Reads `grpc-timeout`; undefined where there is none, or none that can be read. */
export function timeoutMs(header: string | string[] | undefined): number | undefined {
  const match = typeof header === 'string' ? /^(\d{1,8})([HMSmun])$/u.exec(header) : null;
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
}

/** Runs `expired` when the limit has passed; gives what stops that. */
export function startDeadline(limitMs: number | undefined, expired: (failure: RpcFailure) => void): () => void {
  if (limitMs === undefined) return () => undefined;
  const timer = setTimeout(
    () => {
      expired(new RpcFailure(GrpcStatus.DEADLINE_EXCEEDED, 'context deadline exceeded'));
    },
    Math.min(limitMs, LONGEST_DELAY_MS),
  );
  timer.unref();
  return () => {
    clearTimeout(timer);
  };
}
