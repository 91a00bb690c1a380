/**
 * `npm run bench:micro [words…]`: ns for one unit of each hot part, measured by benchmark.js on seeded input. Words choose the
 * cases whose names contain one of them. Compare figures of one machine and one run only.
 */
import Benchmark from 'benchmark';
import { batchIterateCases } from './batch-iterate.js';
import { batchPackCases } from './batch-pack.js';
import { batchUnpackCases } from './batch-unpack.js';
import { decoderCases } from './decoder.js';
import { leaseScheduleCases } from './lease-schedule.js';

const words = process.argv.slice(2);
const cases = [
  ...decoderCases(),
  ...batchPackCases(),
  ...batchUnpackCases(),
  ...batchIterateCases(),
  ...leaseScheduleCases(),
];
const chosen = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));

process.stdout.write(`Node ${process.version}, ${process.arch}\n`);
process.stdout.write(`${'case'.padEnd(42)}${'ns each'.padStart(12)}${'ns a call'.padStart(14)}      ±\n`);
const suite = new Benchmark.Suite();
const units = new Map(chosen.map(({ name, units: count }) => [name, count]));
for (const { name, run } of chosen) suite.add(name, run);
suite.on('cycle', (event: Benchmark.Event) => {
  const { name = '', stats } = event.target;
  if (stats === undefined) throw new Error(`${name} was not measured`);
  const callNs = stats.mean * 1e9;
  const each = (callNs / (units.get(name) ?? 1)).toFixed(1).padStart(12);
  process.stdout.write(
    `${name.padEnd(42)}${each}${callNs.toFixed(0).padStart(14)} ${stats.rme.toFixed(1).padStart(5)}%\n`,
  );
});
suite.on('error', (event: Benchmark.Event) => {
  const { target } = event;
  // The types leave it out: benchmark.js keeps what a case threw.
  process.stderr.write(`${target.name ?? ''}: ${'error' in target ? String(target.error) : 'failed'}\n`);
  process.exitCode = 1;
});
suite.run();
