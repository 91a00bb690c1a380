/** An embedded server with a client of the engine on it, both closed whatever happens. */
import { connect, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd, type EmbeddedEtcdOptions } from 'etcd-vigil/embedded';

/** Starts, connects with the engine on the caller's thread, runs, closes. */
export async function withEmbedded<T>(
  options: EmbeddedEtcdOptions,
  run: (etcd: Etcd, server: EmbeddedEtcd) => Promise<T>,
): Promise<T> {
  const server = await EmbeddedEtcd.start(options);
  try {
    const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
    try {
      return await run(etcd, server);
    } finally {
      await etcd.close();
    }
  } finally {
    await server.close();
  }
}
