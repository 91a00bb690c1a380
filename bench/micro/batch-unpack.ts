/** What main does with a batch before anybody reads it. */
import { openBatch } from '../../src/wire/open-batch.js';
import type { MicroCase } from './case.js';
import { EVENT_COUNTS, sampleBatch } from './sample.js';

export function batchUnpackCases(): MicroCase[] {
  return EVENT_COUNTS.map((units) => {
    const bytes = sampleBatch(units);
    const run = (): void => {
      openBatch(bytes);
    };
    return { name: `open a batch of ${String(units)} events`, units, run };
  });
}
