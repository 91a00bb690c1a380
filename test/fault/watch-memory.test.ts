/** Memory under a burst that nobody reads, larger than the bound: bounded; and nothing is lost. The soak has more events. */
import { describe, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { memoryCase } from './memory-scenario.js';

describe('a burst', { timeout: 120_000 }, () => {
  const server = suiteEtcd({ quiet: true });
  /** 160 MB. */
  const burst = { events: 40_000, valueBytes: 4_000, burstMs: 5_000 };
  /** Read as fast as they come, large values are garbage faster than V8 collects it: that is not what is bounded. */
  const small = { events: 50_000, valueBytes: 100, burstMs: 5_000 };

  it('that nobody reads costs bounded memory, and every event comes when it is read', () =>
    memoryCase(server(), 'unread/', { ...burst, mode: 'unread', onLag: 'pause', shards: 2 }));

  it('that nobody reads ends a watch that asked for it, typed', () =>
    memoryCase(server(), 'fail/', { ...burst, mode: 'unread', onLag: 'fail', shards: 1 }));

  it('at a main thread that is blocked for 5 s costs bounded memory and loses nothing', () =>
    memoryCase(server(), 'blocked/', { ...small, mode: 'blocked', onLag: 'pause', shards: 1, blockMs: 5_000 }));
});
