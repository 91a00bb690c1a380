/** A watch and a lease that have nothing to do with what fails beside them. */
import type { EngineStatus, Etcd } from 'etcd-vigil';
import { expect } from 'vitest';
import { eventually } from '../support/poll.js';

/** Whoever is innocent, on one shard with what fails. */
export class Bystanders {
  readonly statuses: EngineStatus[] = [];
  #events = 0;
  #ended: string[] = [];
  #isAlive: () => boolean = () => false;

  readonly etcd: Etcd;

  constructor(etcd: Etcd) {
    this.etcd = etcd;
  }

  async begin(): Promise<void> {
    const { etcd } = this;
    const reading = etcd.status;
    void (async () => {
      for await (const status of reading) this.statuses.push(status);
    })();
    const watcher = etcd.watch('innocent', { onBatch: ({ length }) => void (this.#events += length) });
    await watcher.ready;
    void watcher.ended.then(({ reason }) => this.#ended.push(reason));
    const lease = await etcd.leases.grant({ ttlSeconds: 60 });
    void lease.ended.then(({ reason }) => this.#ended.push(reason));
    this.#isAlive = () => lease.isAlive();
  }

  /** Nobody of them has noticed anything. */
  async check(): Promise<void> {
    const before = this.#events;
    await this.etcd.kv.put('innocent', '1');
    await eventually(() => this.#events === before + 1, { what: 'an event of the innocent watch', timeoutMs: 100_000 });
    const { shards } = await this.etcd.stats();
    expect(this.#ended).toEqual([]);
    expect(this.#isAlive()).toBe(true);
    expect(shards.map(({ state, epoch }) => [state, epoch])).toEqual([['running', 1]]);
  }
}
