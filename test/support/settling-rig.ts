/** A watch engine over the scripted server that can be let run until nothing moves any more. Needs vitest's fake timers. */
import type { TokenSource } from '../../src/member/token-source.js';
import type { ShardLimits } from '../../src/wire/contract.js';
import { FakeWatchServer, type FakeWatchServerOptions } from './fake-watch-server.js';
import { FakeWatchStore } from './fake-watch-store.js';
import { WatchEngineRig } from './watch-engine-rig.js';

export class SettlingRig extends WatchEngineRig {
  readonly server: FakeWatchServer;

  constructor(options: FakeWatchServerOptions = {}, limits: Partial<ShardLimits> = {}, tokens?: TokenSource) {
    const server = new FakeWatchServer({ seed: 3, ...options });
    super(server, limits, tokens);
    this.server = server;
  }

  /** Everything that can happen happens, and so much time passes. */
  async settle(ms = 0): Promise<void> {
    for (let left = ms; ; left -= 50) {
      await this.advance(0);
      while (this.server.step()) await this.advance(0);
      if (left <= 0) return;
      await this.advance(Math.min(left, 50));
    }
  }

  revisions(watch: number): number[] {
    return this.get(watch).events.map(({ modRevision }) => modRevision);
  }

  /** How many connections were ever opened. */
  get connects(): number {
    return this.server.members.reduce((sum, { connections }) => sum + connections.length, 0);
  }
}

/** A store in which this key was written until this revision. */
export function storeWith(revisions: number, key: string = 'k', clusterId?: bigint): FakeWatchStore {
  const store = new FakeWatchStore(clusterId);
  while (store.revision < revisions) store.write({ put: key });
  return store;
}
