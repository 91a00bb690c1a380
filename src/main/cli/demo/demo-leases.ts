/** The leases that the demo holds beside its watches: each with a key on it, and at the end etcd's own word for them. */
import { performance } from 'node:perf_hooks';
import type { Etcd, LeaseEnd } from '../../index.js';
import { put } from '../../index.js';
import { LeaseBatches } from '../lease-batches.js';
import type { Stop } from '../stop.js';
import type { LeaseFrame, LeaseVerdict } from './frame.js';

const TTL_SECONDS = 15;
/** etcd takes at most 128 by default. */
const KEYS_PER_TXN = 100;
const REVOKE_TIMEOUT_MS = 30_000;

export class DemoLeases {
  readonly grantedMs: number;
  readonly #etcd: Etcd;
  readonly #leases: LeaseBatches;
  readonly #prefix: string;
  #lost = 0;
  #firstEnd: LeaseEnd | undefined;
  #keepAlives = 0;
  #atMs = performance.now();

  private constructor(etcd: Etcd, leases: LeaseBatches, prefix: string, grantedMs: number) {
    this.#etcd = etcd;
    this.#leases = leases;
    this.#prefix = prefix;
    this.grantedMs = grantedMs;
    leases.onEnded((end) => {
      if (end.reason === 'revoked' || end.reason === 'released') return;
      this.#lost += 1;
      this.#firstEnd ??= end;
    });
  }

  /** Grants them and puts a key on each. Where that fails or is stopped, none is held. */
  static async open(
    etcd: Etcd,
    count: number,
    prefix: string,
    stop: Pick<Stop, 'signal' | 'hurry'>,
  ): Promise<DemoLeases> {
    const startMs = performance.now();
    const granted = await LeaseBatches.grant(etcd, count, { ttlSeconds: TTL_SECONDS, stop });
    const leases = new DemoLeases(etcd, granted, prefix, performance.now() - startMs);
    try {
      const ids = [...granted.leaseIds()];
      for (let from = 0; from < count; from += KEYS_PER_TXN) {
        const puts = ids
          .slice(from, from + KEYS_PER_TXN)
          .map((lease, place) => put(`${prefix}${String(from + place)}`, 'held', { lease }));
        await etcd.kv
          .txn()
          .then(...puts)
          .commit({ signal: stop.signal });
      }
      return leases;
    } catch (error) {
      // Where this fails, too, they run out by themselves.
      await leases.close(false).catch(() => undefined);
      throw error;
    }
  }

  /** @param keepAlives answered renewals of all shards so far. */
  frame(keepAlives: number): LeaseFrame {
    const now = performance.now();
    const perSecond = (Math.max(0, keepAlives - this.#keepAlives) / Math.max(1, now - this.#atMs)) * 1_000;
    this.#keepAlives = keepAlives;
    this.#atMs = now;
    return {
      held: this.#leases.size,
      lost: this.#lost,
      keepAlivesPerSecond: perSecond,
      shortestRemainingMs: this.#leases.shortestRemainingMs,
    };
  }

  /** Asks etcd which of them live, and how many of their keys stand. */
  async verify(): Promise<LeaseVerdict> {
    const missing = new Set(this.#leases.leaseIds());
    for await (const leaseId of this.#etcd.leases.list()) missing.delete(leaseId);
    const keys = Number(await this.#etcd.kv.count({ prefix: this.#prefix }));
    const { size, aliveCount } = this.#leases;
    return {
      held: size,
      lostHere: size - aliveCount,
      lostOnServer: missing.size,
      keysMissing: size - keys,
      firstEnd: this.#firstEnd?.reason,
    };
  }

  /** @param atOnce the server ends anyway, or is away: nothing is revoked. */
  async close(atOnce: boolean): Promise<void> {
    if (atOnce) this.#leases.release();
    else await this.#leases.revoke(REVOKE_TIMEOUT_MS);
  }
}

/** What is wrong with the leases, in words; undefined when nothing is. */
export function leaseProblem(verdict: LeaseVerdict): string | undefined {
  const { held, lostHere, lostOnServer, keysMissing, firstEnd } = verdict;
  if (lostHere + lostOnServer + keysMissing === 0) return undefined;
  const why = firstEnd === undefined ? '' : ` (the first: ${firstEnd})`;
  return `of ${String(held)} leases ${String(lostHere)} ended here${why}, etcd does not know ${String(lostOnServer)}, and ${String(keysMissing)} keys are gone`;
}
