/** Memory under a burst that nobody reads, larger than the bound: bounded; and nothing is lost. The soak has more events. */
import { describe, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { memoryCase } from './memory-scenario.js';

describe('a burst of 160 MB', () => {
  const server = suiteEtcd({ quiet: true });
  const burst = { events: 40_000, valueBytes: 4_000, burstMs: 5_000, readsWithinBound: false };

  it('that nobody reads costs bounded memory, and every event comes when it is read', () =>
    memoryCase(server(), 'unread/', { ...burst, mode: 'unread', onLag: 'pause', shards: 2 }));

  it('that nobody reads ends a watch that asked for it, typed', () =>
    memoryCase(server(), 'fail/', { ...burst, mode: 'unread', onLag: 'fail', shards: 1 }));

  it('at a main thread that is blocked for 5 s costs bounded memory and loses nothing', () =>
    memoryCase(server(), 'blocked/', { ...burst, mode: 'blocked', onLag: 'pause', shards: 1, blockMs: 5_000 }));
});
