/** What the engine's shards did since they were last asked, from `etcd.stats()`. */
import { performance } from 'node:perf_hooks';
import type { Etcd, ShardSummary } from '../../index.js';
import type { ShardFrame } from './frame.js';

interface Reading {
  readonly epoch: number;
  readonly events: number;
  readonly keepAlives: number;
  readonly busyMs: number;
  readonly atMs: number;
}

export class ShardFigures {
  readonly #etcd: Etcd;
  readonly #last = new Map<number, Reading>();
  /** Sums of shares and how many, by shard. */
  readonly #busy = new Map<number, { sum: number; count: number }>();

  #keepAlives = 0;

  constructor(etcd: Etcd) {
    this.#etcd = etcd;
  }

  async take(): Promise<ShardFrame[]> {
    const { shards } = await this.#etcd.stats();
    return shards.map((summary) => this.#frameOf(summary));
  }

  /** Renewals answered since the first reading, as of the last one. */
  get keepAlives(): number {
    return this.#keepAlives;
  }

  /** The mean busy share of each shard over all readings; undefined where there was none. */
  averages(): (number | undefined)[] {
    return Array.from(this.#last.keys(), (shard) => {
      const busy = this.#busy.get(shard);
      return busy === undefined ? undefined : busy.sum / busy.count;
    });
  }

  #frameOf({ shard, state, epoch, watchers, stats }: ShardSummary): ShardFrame {
    const frame = { shard, state, watches: watchers, eventsPerSecond: 0, busy: undefined };
    if (stats === undefined) return frame;
    const now: Reading = {
      epoch,
      events: stats.events,
      keepAlives: stats.keepAlives,
      busyMs: stats.busyMs,
      atMs: performance.now(),
    };
    const last = this.#last.get(shard);
    this.#last.set(shard, now);
    // A replaced shard counts from zero.
    if (last === undefined || last.epoch !== epoch) return frame;
    this.#keepAlives += now.keepAlives - last.keepAlives;
    const elapsedMs = Math.max(1, now.atMs - last.atMs);
    const busy = Math.max(0, now.busyMs - last.busyMs) / elapsedMs;
    const total = this.#busy.get(shard) ?? { sum: 0, count: 0 };
    this.#busy.set(shard, { sum: total.sum + busy, count: total.count + 1 });
    return { ...frame, eventsPerSecond: ((now.events - last.events) / elapsedMs) * 1_000, busy };
  }
}
