/**
 * Collects what main is to be told of leases and tells it in groups: 50,000 leases that are granted, or end, at once are a
 * few messages. A slot's reports leave in the order in which they can happen.
 */
import { errorToPlain, type EtcdError } from '../../wire/errors.js';
import type { LeaseEndReason, LeaseReport } from '../../wire/lease-contract.js';

const REASONS = ['revoked', 'lost', 'expired', 'halted'] as const satisfies readonly LeaseEndReason[];

export class LeaseReports {
  readonly #report: (report: LeaseReport) => void;
  readonly #soon: (flush: () => void) => void;
  #granted: number[] = [];
  #renewed: number[] = [];
  #forgotten: number[] = [];
  readonly #ended: Record<LeaseEndReason, number[]> = { revoked: [], lost: [], expired: [], halted: [] };
  /** Reports with an error of their own, behind everything that came before them. */
  #single: LeaseReport[] = [];
  #isPending = false;

  /** @param soon calls back once, after the work at hand. */
  constructor(report: (report: LeaseReport) => void, soon: (flush: () => void) => void) {
    this.#report = report;
    this.#soon = soon;
  }

  granted(slot: number): void {
    this.#granted.push(slot);
    this.#schedule();
  }

  renewed(slot: number): void {
    this.#renewed.push(slot);
    this.#schedule();
  }

  forgotten(slot: number): void {
    this.#forgotten.push(slot);
    this.#schedule();
  }

  ended(slot: number, reason: LeaseEndReason, error: EtcdError | undefined): void {
    if (error === undefined) this.#ended[reason].push(slot);
    else this.#single.push({ kind: 'lease-ended', slots: Uint32Array.of(slot), reason, error: errorToPlain(error) });
    this.#schedule();
  }

  refused(slot: number, error: EtcdError): void {
    this.#single.push({ kind: 'lease-refused', slots: Uint32Array.of(slot), error: errorToPlain(error) });
    this.#schedule();
  }

  revokeFailed(slot: number, error: EtcdError): void {
    this.#single.push({ kind: 'lease-revoke-failed', slots: Uint32Array.of(slot), error: errorToPlain(error) });
    this.#schedule();
  }

  /** Tells what was collected. */
  readonly flush = (): void => {
    this.#isPending = false;
    if (this.#granted.length > 0) {
      this.#report({ kind: 'lease-granted', slots: Uint32Array.from(this.#granted) });
      this.#granted = [];
    }
    if (this.#renewed.length > 0) {
      this.#report({ kind: 'lease-renewed', slots: Uint32Array.from(this.#renewed) });
      this.#renewed = [];
    }
    const single = this.#single;
    this.#single = [];
    for (const report of single) this.#report(report);
    for (const reason of REASONS) {
      const slots = this.#ended[reason];
      if (slots.length === 0) continue;
      this.#report({ kind: 'lease-ended', slots: Uint32Array.from(slots), reason, error: undefined });
      this.#ended[reason] = [];
    }
    if (this.#forgotten.length > 0) {
      this.#report({ kind: 'lease-forgotten', slots: Uint32Array.from(this.#forgotten) });
      this.#forgotten = [];
    }
  };

  #schedule(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    this.#soon(this.flush);
  }
}
