/**
 * The embedded server against a real etcd over many seeds: SOAK_RUNS of them (default 50), 2,000 calls each. What is compared:
 * see test/embedded/random/random.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { compareServers } from '../embedded/random/compare-servers.js';
import { seeds } from '../support/rng.js';

describe('the embedded server does as etcd does', () => {
  it.concurrent.each(seeds(Number(process.env['SOAK_RUNS'] ?? 50)))('in a random program: seed %i', async (seed) => {
    expect(await compareServers({ seed, operations: 2_000 })).toEqual([]);
  });
});
