/** Long random runs over all faults: SOAK_RUNS of them (default 40), with seeds that are printed. */
import { describe, it } from 'vitest';
import { seeds } from '../support/rng.js';
import { randomRun } from '../fault/random-scenario.js';

describe('random writes and faults', () => {
  it.each(seeds(Number(process.env['SOAK_RUNS'] ?? 40)))('lose and double nothing: seed %i', (seed) =>
    randomRun({ seed, watches: 200, steps: 40 }),
  );
});
