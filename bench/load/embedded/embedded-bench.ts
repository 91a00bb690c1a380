/**
 * `npm run bench -- --only embedded`: the embedded server beside a real etcd without fsync: puts a second with 64 callers, watch
 * deliveries a second to many watchers of one prefix, start to first answer, memory a key. Servers run in turn, each fresh.
 */
import type { WatchBench } from '../benches.js';
import { median } from '../report.js';
import { runWatch, writeHistory } from '../watch-run.js';
import { SERVERS, startServer, type RunningServer, type ServerName } from './servers.js';

/** The figures of one run of one server. */
export interface ServerRow {
  readonly putsPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly firstAnswerMs: number;
  readonly bytesPerKey: number;
  /** CPU of the server's process: what a machine without rest still tells. */
  readonly cpuUsPerPut: number;
}

export interface EmbeddedResult {
  readonly runs: Readonly<Record<ServerName, readonly ServerRow[]>>;
  readonly medians: Readonly<Record<ServerName, ServerRow>>;
  readonly verdicts: readonly { readonly text: string; readonly passed: boolean }[];
}

const METRICS: readonly (readonly [keyof ServerRow, string])[] = [
  ['putsPerSecond', 'puts/s'],
  ['deliveriesPerSecond', 'deliveries/s'],
  ['firstAnswerMs', 'first answer ms'],
  ['bytesPerKey', 'bytes/key'],
  ['cpuUsPerPut', 'CPU µs/put'],
];

/** Runs it all; `progress` hears of each run. */
export async function runEmbedded(
  quick: boolean,
  runs: number,
  progress: (text: string) => void,
): Promise<EmbeddedResult> {
  const rows: Record<ServerName, ServerRow[]> = { etcd: [], embedded: [] };
  for (let run = 1; run <= runs; run += 1) {
    for (const name of SERVERS) {
      const row = await runServer(name, quick);
      rows[name].push(row);
      progress(`  embedded ${String(run)}/${String(runs)} ${name}: ${cells(row).join(', ')}`);
    }
  }
  const medians = { etcd: medianRow(rows.etcd), embedded: medianRow(rows.embedded) };
  return { runs: rows, medians, verdicts: verdicts(medians) };
}

/** The table, and under it what the project demands. */
export function embeddedReport({ medians, verdicts: judged }: EmbeddedResult): string {
  const lines = METRICS.map(([metric, label]) => {
    const [etcd, embedded] = [medians.etcd[metric], medians.embedded[metric]];
    return `${label.padEnd(16)}${shown(etcd)}${shown(embedded)}${(embedded / etcd).toFixed(2).padStart(10)}`;
  });
  const head = `${''.padEnd(16)}${'etcd'.padStart(14)}${'embedded'.padStart(14)}${'x etcd'.padStart(10)}`;
  return [head, ...lines, ...judged.map(({ text, passed }) => `${passed ? 'PASS' : 'FAIL'}  ${text}`)].join('\n');
}

async function runServer(name: ServerName, quick: boolean): Promise<ServerRow> {
  const keys = quick ? 20_000 : 100_000;
  const figures = await withServer(name, async (server) => {
    // Short first load: code is compiled and pools are filled before anything is counted.
    await puts(server, { keys: 1_000, writes: quick ? 2_000 : 10_000, prefix: 'warm/' });
    const before = await server.usage();
    const rate = await puts(server, { keys, writes: keys, prefix: 'key/' });
    const after = await server.usage();
    return {
      putsPerSecond: rate,
      bytesPerKey: (after.rssBytes - before.rssBytes) / keys,
      cpuUsPerPut: ((after.cpuMs - before.cpuMs) * 1_000) / keys,
      firstAnswerMs: server.firstAnswerMs,
    };
  });
  const deliveriesPerSecond = await withServer(name, async (server) => {
    const bench = watchBench(quick);
    const row = await runWatch(
      bench,
      { server: bare(server), client: 'vigil', prefix: 'watched/', execArgv: [] },
      undefined,
    );
    return row.eventsPerSecond ?? Number.NaN;
  });
  return { ...figures, deliveriesPerSecond };
}

async function withServer<T>(name: ServerName, run: (server: RunningServer) => Promise<T>): Promise<T> {
  const server = await startServer(name);
  try {
    return await run(server);
  } finally {
    await server.close();
  }
}

async function puts(
  server: RunningServer,
  { prefix, ...load }: { readonly keys: number; readonly writes: number; readonly prefix: string },
): Promise<number> {
  const { report } = await writeHistory({ ...watchBench(true), ...load }, bare(server), prefix, 100);
  return (report.writes / report.wallMs) * 1_000;
}

function bare({ endpoint, close }: RunningServer): Parameters<typeof writeHistory>[1] {
  return { endpoint, version: undefined, isFresh: true, close };
}

function watchBench(quick: boolean): WatchBench {
  return {
    kind: 'watch',
    name: 'embedded',
    title: '',
    clients: ['vigil'],
    metrics: [],
    ratios: [],
    limits: [],
    ranges: 'prefix',
    watchers: quick ? 200 : 1_000,
    keys: 1_000,
    writes: quick ? 500 : 3_000,
    writesPerSecond: 0,
    latency: false,
    replay: false,
  };
}

function medianRow(rows: readonly ServerRow[]): ServerRow {
  const of = (metric: keyof ServerRow): number => median(rows.map((row) => row[metric])) ?? Number.NaN;
  return {
    putsPerSecond: of('putsPerSecond'),
    deliveriesPerSecond: of('deliveriesPerSecond'),
    firstAnswerMs: of('firstAnswerMs'),
    bytesPerKey: of('bytesPerKey'),
    cpuUsPerPut: of('cpuUsPerPut'),
  };
}

function verdicts({ etcd, embedded }: EmbeddedResult['medians']): EmbeddedResult['verdicts'] {
  const puts = embedded.putsPerSecond / etcd.putsPerSecond;
  const deliveries = embedded.deliveriesPerSecond / etcd.deliveriesPerSecond;
  return [
    { text: `puts/s ${puts.toFixed(2)}x etcd's, at least 0.5x`, passed: puts >= 0.5 },
    { text: `deliveries/s ${deliveries.toFixed(2)}x etcd's, at least 0.5x`, passed: deliveries >= 0.5 },
    {
      text: `first answer after ${embedded.firstAnswerMs.toFixed(0)} ms, below 300`,
      passed: embedded.firstAnswerMs < 300,
    },
  ];
}

function cells(row: ServerRow): string[] {
  return METRICS.map(([metric, label]) => `${label} ${row[metric].toFixed(0)}`);
}

function shown(value: number): string {
  return (Number.isNaN(value) ? 'n/a' : value.toLocaleString('en-US', { maximumFractionDigits: 0 })).padStart(14);
}
