/** The lease-keeping client of a name. Loads only that client's packages. */
import type { LeaseClient } from '../lease-client.js';
import type { ClientName } from '../messages.js';

export async function loadLeaseClient(name: ClientName): Promise<LeaseClient> {
  if (name === 'etcd3') {
    const { Etcd3LeaseClient } = await import('./etcd3-lease.js');
    return new Etcd3LeaseClient();
  }
  if (name === 'raw-grpc') {
    const { RawLeaseClient } = await import('./raw-lease.js');
    return new RawLeaseClient();
  }
  if (name === 'vigil') {
    const { VigilLeaseClient } = await import('./vigil-lease.js');
    return new VigilLeaseClient();
  }
  throw new Error(`no lease client ${name}`);
}
