/** The embedded server on this thread, from its sources. */
import { systemClock } from '../../../src/embedded/clock.js';
import { EtcdServer } from '../../../src/embedded/etcd-server.js';

/** Starts it on a free port of 127.0.0.1; `address` is `host:port`. */
export async function startEmbedded(): Promise<{ address: string; endpoint: string; close(): Promise<void> }> {
  const server = await EtcdServer.start({
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    clock: systemClock,
    progressIntervalMs: 600_000,
    maxRequestBytes: 1.5 * 1024 * 1024,
    initialData: [],
  });
  const endpoint = server.listeners[0]?.endpoint ?? '';
  return { endpoint, address: endpoint.replace(/^\w+:\/\//, ''), close: () => server.close() };
}
