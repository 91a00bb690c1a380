/** This package with its default options: `leases.grantMany`, kept alive from each grant on. */
import { connect, type Etcd, type LeaseCollection } from 'etcd-vigil';
import type { LeaseClient, LeaseCounts } from '../lease-client.js';

export class VigilLeaseClient implements LeaseClient {
  #etcd: Etcd | undefined;
  #leases: LeaseCollection | undefined;
  #granted = 0;

  async connect(endpoint: string): Promise<void> {
    this.#etcd = await connect({ endpoints: endpoint });
  }

  async grant(count: number, ttlSeconds: number): Promise<number> {
    if (this.#etcd === undefined) throw new Error('not connected');
    this.#leases = await this.#etcd.leases.grantMany(count, { ttlSeconds });
    this.#granted = this.#leases.aliveCount;
    return this.#granted;
  }

  async counts(): Promise<LeaseCounts> {
    if (this.#etcd === undefined || this.#leases === undefined) throw new Error('nothing granted');
    const { shards } = await this.#etcd.stats();
    const keepAlives = shards.reduce((sum, { stats }) => sum + (stats?.keepAlives ?? 0), 0);
    return { keepAlives, lost: this.#granted - this.#leases.aliveCount };
  }

  async close(): Promise<void> {
    await this.#etcd?.close();
  }
}
