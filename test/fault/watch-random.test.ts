/** Short random runs over all faults, with seeds that change each day. The soak runs long ones. */
import { describe, it } from 'vitest';
import { seeds } from '../support/rng.js';
import { randomRun } from './random-scenario.js';

describe('random writes and faults', () => {
  it.each(seeds())('lose and double nothing: seed %i', (seed) => randomRun({ seed, watches: 200, steps: 12 }));
});
