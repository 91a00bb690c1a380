/**
 * Leases that their user may not renew at present. Roles are revoked and granted in one deploy, so that such a lease is tried again,
 * alone, until it runs out. Pure.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import type { EtcdError } from '../../wire/errors.js';
import type { LeaseTable } from './lease-table.js';

const RETRY = { initialMs: 100, maxMs: 2_000 } as const;

interface Denial {
  readonly generation: number;
  readonly error: EtcdError;
  readonly attempts: number;
}

export class LeaseDenials {
  readonly #table: LeaseTable;
  readonly #random: () => number;
  readonly #bySlot = new Map<number, Denial>();

  constructor(table: LeaseTable, random: () => number) {
    this.#table = table;
    this.#random = random;
  }

  /** Why the lease was not renewed last time. */
  errorOf(slot: number): EtcdError | undefined {
    return this.#of(slot)?.error;
  }

  /** Its renewal was refused. Gives how long to wait before the next. */
  add(slot: number, error: EtcdError): number {
    const attempts = (this.#of(slot)?.attempts ?? 0) + 1;
    this.#bySlot.set(slot, { generation: this.#table.generation[slot] ?? 0, error, attempts });
    return backoffDelayMs(attempts, RETRY, this.#random);
  }

  /** It was renewed, or has ended. */
  delete(slot: number): void {
    this.#bySlot.delete(slot);
  }

  #of(slot: number): Denial | undefined {
    const denial = this.#bySlot.get(slot);
    return denial?.generation === this.#table.generation[slot] ? denial : undefined;
  }
}
