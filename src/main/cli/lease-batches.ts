/**
 * Many leases, granted a part at a time: a command that is stopped meanwhile waits for the part under way, so that it knows
 * each lease that it has to revoke.
 */
import type { Etcd, LeaseCollection, LeaseEnd } from '../index.js';
import type { Stop } from './stop.js';

/** Takes etcd about a second. */
const BATCH = 5_000;

export interface BatchOptions {
  readonly ttlSeconds: number;
  readonly stop: Pick<Stop, 'signal' | 'hurry'>;
  readonly onProgress?: (answered: number) => void;
}

export class LeaseBatches {
  readonly #parts: readonly LeaseCollection[];

  private constructor(parts: readonly LeaseCollection[]) {
    this.#parts = parts;
  }

  /**
   * Grants `count`, or fewer where it is stopped.
   *
   * @throws EtcdError what the grant failed with; what was granted before is revoked then. `aborted` at `stop.hurry`.
   */
  static async grant(etcd: Etcd, count: number, { ttlSeconds, stop, onProgress }: BatchOptions): Promise<LeaseBatches> {
    const parts: LeaseCollection[] = [];
    const batches = new LeaseBatches(parts);
    try {
      for (let granted = 0; granted < count && !stop.signal.aborted; granted = batches.size) {
        const part = await etcd.leases.grantMany(Math.min(BATCH, count - granted), {
          ttlSeconds,
          signal: stop.hurry,
          onProgress: (answered) => onProgress?.(granted + answered),
        });
        parts.push(part);
      }
      return batches;
    } catch (error) {
      // Where this fails, too, they run out by themselves.
      await batches.revoke().catch(() => undefined);
      throw error;
    }
  }

  get size(): number {
    return this.#sum((part) => part.size);
  }

  get aliveCount(): number {
    return this.#sum((part) => part.aliveCount);
  }

  /** Of the one that runs out first; undefined when none is held. */
  get shortestRemainingMs(): number | undefined {
    const all = this.#parts.map((part) => part.shortestRemainingMs).filter((left) => left !== undefined);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  *leaseIds(): Generator<bigint, void, undefined> {
    for (const part of this.#parts) for (let index = 0; index < part.size; index += 1) yield part.leaseIdAt(index);
  }

  onEnded(listener: (end: LeaseEnd) => void): void {
    for (const part of this.#parts) part.onEnded(listener);
  }

  /** @throws EtcdError for one that could not be revoked; the others are. */
  async revoke(timeoutMs?: number): Promise<void> {
    const failed: unknown[] = [];
    for (const part of this.#parts) await part.revoke({ timeoutMs }).catch((error: unknown) => failed.push(error));
    if (failed.length > 0) throw failed[0];
  }

  release(): void {
    for (const part of this.#parts) part.release();
  }

  #sum(of: (part: LeaseCollection) => number): number {
    return this.#parts.reduce((sum, part) => sum + of(part), 0);
  }
}
