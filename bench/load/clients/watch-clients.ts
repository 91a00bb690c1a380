/** The watching client of a name. Loads only that client's packages, so that a process holds nothing else. */
import type { ClientName } from '../messages.js';
import type { WatchClient } from '../watch-client.js';
import type { VigilUse } from './vigil-watch.js';

const vigilUses: Partial<Record<ClientName, VigilUse>> = {
  vigil: { consumer: 'onBatch', options: {} },
  'vigil-iterator': { consumer: 'iterator', options: {} },
  'vigil-grpc-js': { consumer: 'onBatch', options: { transport: 'grpc-js' } },
  'vigil-inline': { consumer: 'onBatch', options: { shards: 'inline' } },
  'vigil-inline-iterator': { consumer: 'iterator', options: { shards: 'inline' } },
};

export async function loadWatchClient(name: ClientName): Promise<WatchClient> {
  if (name === 'etcd3') {
    const { Etcd3WatchClient } = await import('./etcd3-watch.js');
    return new Etcd3WatchClient();
  }
  if (name === 'raw-grpc') {
    const { RawWatchClient } = await import('./raw-watch.js');
    return new RawWatchClient();
  }
  const use = vigilUses[name];
  if (use === undefined) throw new Error(`no watch client ${name}`);
  const { VigilWatchClient } = await import('./vigil-watch.js');
  return new VigilWatchClient(use);
}
