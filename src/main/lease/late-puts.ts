/** Puts whose outcome is unknown: etcd may apply them later, over what was put after them. Main thread; pure. */
import type { EtcdError } from '../../wire/errors.js';
import { wroteNothing } from '../../member/failure.js';

/** etcd gives a request up after 7 s with its default timing; beyond this a put is not expected any more. */
export const LATE_PUT_MS = 10_000;

interface LatePut {
  readonly value: Uint8Array;
  readonly leaseId: bigint;
}

export class LatePuts {
  readonly #lateMs: number;
  /** Two at most: whatever is put next differs from one of them. */
  #expected: LatePut[] = [];
  #endMs = 0;

  constructor(lateMs: number) {
    this.#lateMs = lateMs;
  }

  /** An attempt to put failed, whatever becomes of the call that it belongs to. */
  failed(value: Uint8Array, leaseId: bigint, error: EtcdError, nowMs: number): void {
    if (wroteNothing(error)) return;
    this.#endMs = nowMs + this.#lateMs;
    const isNew = this.#expected.length === 0 || this.#differs(value, leaseId);
    if (isNew && this.#expected.length < 2) this.#expected.push({ value, leaseId });
  }

  /** A put that was sent at `sentMs` has been applied. Gives the time from then on after which to put it once more, if at all. */
  applied(value: Uint8Array, leaseId: bigint, sentMs: number): number | undefined {
    if (sentMs >= this.#endMs) this.#expected = [];
    return this.#differs(value, leaseId) ? this.#endMs - sentMs : undefined;
  }

  #differs(value: Uint8Array, leaseId: bigint): boolean {
    return this.#expected.some((late) => late.value !== value || late.leaseId !== leaseId);
  }
}
