/** Those who wait for the revocation of leases of one grant. Internal to the lease service; main thread. */
import { type EtcdError, LeaseError } from '../../wire/errors.js';
import { performanceNow } from '../../wire/timers.js';
import { leaseEndedError, type LeaseEnd } from './lease-end.js';

/** After a revocation that was not answered. */
export const UNRENEWED = '; it is renewed no longer, and its revocation is tried until it has run out';

/** The same where no shard holds it: one call asks for it, and nothing goes on after that. */
export const NOT_HELD = '; it is not renewed here, and runs out on the server unless it was revoked';

/** One call, for one lease or many. */
interface Waiting {
  readonly endMs: number;
  left: number;
  failure: EtcdError | undefined;
  readonly resolve: () => void;
  readonly reject: (error: EtcdError) => void;
}

/** A shard gives up so much before the time at most: an attempt after that would begin too late. */
const EARLY_MS = 1_500;

export class Revocations {
  readonly #waiting = new Map<number, Waiting[]>();

  /** Settles once every row is; rejects with the first failure, after all. @param endMs as of `performance.now()`. */
  wait(rows: readonly number[], endMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { endMs, left: rows.length, failure: undefined, resolve, reject };
      if (rows.length === 0) resolve();
      for (const row of rows) this.#waiting.set(row, [...(this.#waiting.get(row) ?? []), waiting]);
    });
  }

  /** Until when somebody waits for this row, as of `performance.now()`; 0 where nobody does any more. */
  endMs(row: number): number {
    return Math.max(0, ...(this.#waiting.get(row) ?? []).map(({ endMs }) => endMs));
  }

  /** The row is revoked, or will not be. */
  settle(row: number, error: EtcdError | undefined): void {
    const all = this.#waiting.get(row) ?? [];
    this.#waiting.delete(row);
    for (const waiting of all) done(waiting, error);
  }

  /** The shard's time for the row is up. Whoever has asked again meanwhile waits on. */
  late(row: number, error: EtcdError): void {
    const all = this.#waiting.get(row) ?? [];
    const nowMs = performanceNow();
    const isOver = ({ endMs }: Waiting): boolean => endMs - nowMs <= EARLY_MS;
    const left = all.filter((waiting) => !isOver(waiting));
    if (left.length > 0) this.#waiting.set(row, left);
    else this.#waiting.delete(row);
    for (const waiting of all) if (isOver(waiting)) done(waiting, error);
  }
}

function done(waiting: Waiting, error: EtcdError | undefined): void {
  waiting.failure ??= error;
  waiting.left -= 1;
  if (waiting.left > 0) return;
  if (waiting.failure === undefined) waiting.resolve();
  else waiting.reject(waiting.failure);
}

/** What those who wait for the revocation of a lease are told of its end. */
export function revokeError(end: LeaseEnd): EtcdError | undefined {
  if (end.reason === 'revoked' || end.reason === 'lost' || end.reason === 'halted') return undefined;
  return unrevoked(end.leaseId, end.error ?? leaseEndedError(end), '; it runs out on the server');
}

export function unrevoked(leaseId: bigint, cause: EtcdError, consequence: string): EtcdError {
  const { code, message, grpcStatus, endpoint, retryable } = cause;
  const text = `lease ${String(leaseId)} could not be revoked${consequence}: ${message}`;
  const outcome = cause.outcome === 'refused' ? 'refused' : 'unknown';
  return new LeaseError(text, leaseId, { code, grpcStatus, endpoint, outcome, retryable, cause });
}
