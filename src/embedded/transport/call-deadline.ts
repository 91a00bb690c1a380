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

/** As Go's duration cannot be longer. */
const LONGEST_TEXT = 9;

/**
 * Reads `grpc-timeout`; undefined where there is none.
 *
 * @throws MalformedTimeout with the words of etcd's gRPC library.
 */
export function timeoutMs(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header : header.join(', ');
  const quoted = JSON.stringify(text);
  if (text.length < 2) throw new MalformedTimeout(`transport: timeout string is too short: ${quoted}`);
  if (text.length > LONGEST_TEXT) throw new MalformedTimeout(`transport: timeout string is too long: ${quoted}`);
  const unitMs = UNIT_MS[text.slice(-1)];
  if (unitMs === undefined) throw new MalformedTimeout(`transport: timeout unit is not recognized: ${quoted}`);
  const digits = text.slice(0, -1);
  if (!/^[+-]?\d+$/u.test(digits))
    throw new MalformedTimeout(`strconv.ParseInt: parsing ${JSON.stringify(digits)}: invalid syntax`);
  return Number(digits) * unitMs;
}

/** A `grpc-timeout` that cannot be read: refused before anything else of the call is looked at. */
export class MalformedTimeout extends Error {}

export function deadlineExceeded(): RpcFailure {
  return new RpcFailure(GrpcStatus.DEADLINE_EXCEEDED, 'context deadline exceeded');
}

/** Runs `expired` when the limit has passed; gives what stops that. */
export function startDeadline(limitMs: number | undefined, expired: (failure: RpcFailure) => void): () => void {
  if (limitMs === undefined) return () => undefined;
  const timer = setTimeout(
    () => {
      expired(deadlineExceeded());
    },
    Math.min(limitMs, LONGEST_DELAY_MS),
  );
  timer.unref();
  return () => {
    clearTimeout(timer);
  };
}
