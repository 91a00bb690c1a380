/**
 * The demo's own server: an embedded one, which ends with the process however that ends. It runs in a thread of its own and
 * keeps no more history than the demo needs.
 */
import type { EmbeddedEtcd } from '../../../embedded/index.js';
import type { Etcd } from '../../index.js';
import { EtcdError } from '../../../wire/errors.js';

/** A watch that is behind needs what is newer than this. */
const HISTORY_MS = 15_000;

export class DemoServer {
  readonly endpoint: string;
  readonly #server: EmbeddedEtcd;
  #trimming: NodeJS.Timeout | undefined;

  private constructor(server: EmbeddedEtcd) {
    this.#server = server;
    this.endpoint = server.endpoints[0] ?? '';
  }

  static async start(): Promise<DemoServer> {
    // Only now: other commands do without it.
    const { EmbeddedEtcd } = await import('../../../embedded/index.js');
    return new DemoServer(await EmbeddedEtcd.start());
  }

  /** From now on what is older than {@link HISTORY_MS} is compacted away: a long demo must not fill the memory. */
  trimHistory(etcd: Etcd): void {
    let before: bigint | undefined;
    const trim = async (): Promise<void> => {
      const { header } = await etcd.kv.range('-', { countOnly: true });
      if (before !== undefined) await etcd.kv.compact(before);
      before = header.revision;
    };
    this.#trimming = setInterval(() => {
      trim().catch((error: unknown) => {
        // The engine is closing, or the next time will do.
        if (!(error instanceof EtcdError)) throw error;
      });
    }, HISTORY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#trimming);
    await this.#server.close();
  }
}
