/**
 * `npm run bench -- --only import`: what loading an entry of the package costs a process. Each run is a process of its own that
 * imports one thing and tells its time, CPU and memory then; an empty one is run in turn and subtracted.
 */
import { execFileSync } from 'node:child_process';
import { packageRoot } from './protocol.js';
import { median } from './report.js';

const ENTRIES = ['etcd-vigil', 'etcd-vigil/relation', 'etcd-vigil/embedded'] as const;
type Entry = (typeof ENTRIES)[number];
/** More than other benches: a run takes a fifth of a second, and starting a process is noisy. */
const LEAST_RUNS = 9;

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMiB: number;
}

/** What each entry adds to an empty process: medians. */
export interface ImportResult {
  readonly runs: number;
  readonly added: Readonly<Record<Entry, Cost>>;
  readonly verdicts: readonly { readonly text: string; readonly passed: boolean }[];
}

/** `progress` hears of each round. */
export function runImports(runs: number, progress: (text: string) => void): ImportResult {
  const rounds = Math.max(runs, LEAST_RUNS);
  const empty: Cost[] = [];
  const costs: Record<Entry, Cost[]> = { 'etcd-vigil': [], 'etcd-vigil/relation': [], 'etcd-vigil/embedded': [] };
  for (let round = 1; round <= rounds; round += 1) {
    empty.push(costOf(undefined));
    for (const entry of ENTRIES) costs[entry].push(costOf(entry));
    progress(`  import ${String(round)}/${String(rounds)}`);
  }
  const base = medians(empty);
  const above = (entry: Entry): Cost => {
    const own = medians(costs[entry]);
    return { wallMs: own.wallMs - base.wallMs, cpuMs: own.cpuMs - base.cpuMs, rssMiB: own.rssMiB - base.rssMiB };
  };
  const added = {
    'etcd-vigil': above('etcd-vigil'),
    'etcd-vigil/relation': above('etcd-vigil/relation'),
    'etcd-vigil/embedded': above('etcd-vigil/embedded'),
  };
  const relationMs = added['etcd-vigil/relation'].wallMs;
  // A hook lives for a second and there are many of them.
  const verdicts = [
    { text: `etcd-vigil/relation adds ${relationMs.toFixed(0)} ms, limit 60 ms`, passed: relationMs <= 60 },
  ];
  return { runs: rounds, added, verdicts };
}

/** The table and the verdicts, as text. */
export function importReport({ added, verdicts }: ImportResult): string {
  const lines = ENTRIES.map((entry) => {
    const { wallMs, cpuMs, rssMiB } = added[entry];
    return `  ${entry.padEnd(20)} +${wallMs.toFixed(0)} ms, +${cpuMs.toFixed(0)} ms CPU, +${rssMiB.toFixed(1)} MiB`;
  });
  return [...lines, ...verdicts.map(({ text, passed }) => `  ${passed ? 'PASS' : 'MISS'} ${text}`)].join('\n');
}

function costOf(entry: Entry | undefined): Cost {
  const load = entry === undefined ? '' : `await import(${JSON.stringify(entry)});`;
  const program = `
    ${load}
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ wallMs: performance.now(), cpuMs: (user + system) / 1000, rssMiB: process.memoryUsage.rss() / 2 ** 20 }));
    process.exit(0);`;
  const args = ['--input-type=module', '-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: packageRoot, encoding: 'utf8' })) as Cost; // printed above
}

function medians(costs: readonly Cost[]): Cost {
  const of = (metric: keyof Cost): number => median(costs.map((cost) => cost[metric])) ?? Number.NaN;
  return { wallMs: of('wallMs'), cpuMs: of('cpuMs'), rssMiB: of('rssMiB') };
}
