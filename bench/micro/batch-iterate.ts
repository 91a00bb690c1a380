/** Reading an open batch: one column only, and key and value of each event as views. */
import type { MicroCase } from './case.js';
import { openSample } from './sample.js';

const EVENTS = 1000;

/** What the reads add up to, so that they cannot be left out by the compiler. */
let total = 0;

export function batchIterateCases(): MicroCase[] {
  const batch = openSample(EVENTS);
  const { heap, keyStart, keyLength, valueStart, valueLength, modRevision } = batch;
  const revisions = (): void => {
    for (let row = 0; row < EVENTS; row += 1) total += modRevision[row] ?? 0;
  };
  const views = (): void => {
    for (let row = 0; row < EVENTS; row += 1) {
      const [key = 0, value = 0] = [keyStart[row], valueStart[row]];
      total += heap.subarray(key, key + (keyLength[row] ?? 0)).length;
      total += heap.subarray(value, value + (valueLength[row] ?? 0)).length;
    }
  };
  return [
    { name: 'read the revision of each event', units: EVENTS, run: revisions },
    { name: 'read key and value of each event', units: EVENTS, run: views },
  ];
}

/** For whoever wonders whether anything was read. */
export function iterated(): number {
  return total;
}
