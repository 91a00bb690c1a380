/** npm etcd3 1.1.2 with its default options: `client.lease(ttl)`, which renews itself three times a TTL. */
import { Etcd3 } from 'etcd3';
import type { LeaseClient, LeaseCounts } from '../lease-client.js';

export class Etcd3LeaseClient implements LeaseClient {
  #client: Etcd3 | undefined;
  #keepAlives = 0;
  #lost = 0;

  async connect(endpoint: string): Promise<void> {
    this.#client = new Etcd3({ hosts: endpoint });
    await this.#client.get('\0');
  }

  async grant(count: number, ttlSeconds: number): Promise<number> {
    const client = this.#client;
    if (client === undefined) throw new Error('not connected');
    const leases = Array.from({ length: count }, () => {
      const lease = client.lease(ttlSeconds);
      lease.on('keepaliveSucceeded', () => (this.#keepAlives += 1));
      lease.on('lost', () => (this.#lost += 1));
      return lease.grant();
    });
    // Its circuit breaker refuses some of very many; that is a figure of it, not a failure of the run.
    const granted = await Promise.allSettled(leases);
    return granted.filter(({ status }) => status === 'fulfilled').length;
  }

  async counts(): Promise<LeaseCounts> {
    return { keepAlives: this.#keepAlives, lost: this.#lost };
  }

  async close(): Promise<void> {
    this.#client?.close();
  }
}
