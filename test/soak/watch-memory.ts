/** Memory under a burst of 1,000,000 events in 60 s that nobody reads; prints the figures. */
import { describe, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { memoryCase } from '../fault/memory-scenario.js';

describe('a burst of 1,000,000 events in 60 s', () => {
  const server = suiteEtcd({ quiet: true });
  const burst = { events: 1_000_000, valueBytes: 100, burstMs: 60_000, readsWithinBound: true };

  it('that nobody reads costs bounded memory, and every event comes when it is read', () =>
    memoryCase(server(), 'unread/', { ...burst, mode: 'unread', onLag: 'pause', shards: 2 }));

  it('that nobody reads ends a watch that asked for it, typed', () =>
    memoryCase(server(), 'fail/', { ...burst, mode: 'unread', onLag: 'fail', shards: 1 }));

  it('at a main thread that is blocked for 5 s costs bounded memory and loses nothing', () =>
    memoryCase(server(), 'blocked/', { ...burst, mode: 'blocked', onLag: 'pause', shards: 1, blockMs: 5_000 }));
});
