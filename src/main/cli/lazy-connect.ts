/** Loads the engine only where a command connects: it is most of the start, and help and refusals need nothing of it. */
import type { ConnectOptions, Etcd } from '../index.js';

export async function connect(options: ConnectOptions): Promise<Etcd> {
  const engine = await import('../index.js');
  return engine.connect(options);
}
