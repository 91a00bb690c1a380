/**
 * The load benches: `npm run bench`. Runs the clients alternately, each alone in a fresh process against a fresh etcd, prints
 * a table a bench and writes everything to bench/results/. A run that does not receive exactly what was written ends it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { Bench, WatchBench } from './benches.js';
import { runLease } from './lease-run.js';
import { embeddedReport, runEmbedded, type EmbeddedResult } from './embedded/embedded-bench.js';
import { importReport, runImports, type ImportResult } from './import-bench.js';
import type { ClientName } from './messages.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { packageRoot } from './protocol.js';
import { clientResult, table, verdictLine, verdicts, type ClientResult, type Verdict } from './report.js';
import { checkEtcd, startServer, type Server } from './server.js';
import { runWatch, writeHistory, type History, type Row } from './watch-run.js';

const resultsFolder = join(packageRoot, 'bench/results');

interface BenchResult {
  readonly bench: Bench;
  readonly etcdVersion: string | undefined;
  readonly results: readonly ClientResult[];
  readonly verdicts: readonly Verdict[];
}

function say(text: string): void {
  console.log(text);
}

/** On the way, for who waits; not part of the output. */
function progress(text: string): void {
  console.error(text);
}

async function runBench(bench: Bench, options: Options): Promise<BenchResult> {
  const rows = new Map<ClientName, Row[]>(bench.clients.map((client) => [client, []]));
  let etcdVersion: string | undefined;
  const shared = bench.kind === 'watch' && bench.replay ? await replayServer(bench, options) : undefined;
  try {
    // Alternated, so that a machine that slows down slows all of them.
    for (let run = 1; run <= options.runs; run += 1) {
      for (const client of bench.clients) {
        const server = shared?.server ?? (await startServer(options.endpoint));
        etcdVersion = server.version;
        try {
          const prefix = runPrefix(bench);
          const context = { server, client, prefix, execArgv: profileArguments(options, bench, client, run) };
          const row =
            bench.kind === 'watch' ? await runWatch(bench, context, shared?.history) : await runLease(bench, context);
          rows.get(client)?.push(row);
          progress(`  ${bench.name} ${String(run)}/${String(options.runs)} ${client}: ${brief(bench, row)}`);
        } finally {
          if (shared === undefined) await server.close();
        }
      }
    }
  } finally {
    await shared?.server.close();
  }
  const results = Array.from(rows, ([client, runs]) => clientResult(client, runs));
  return { bench, etcdVersion, results, verdicts: verdicts(bench, results) };
}

/** Replays read one history, written once for all clients. */
async function replayServer(
  bench: WatchBench,
  options: Options,
): Promise<{ readonly server: Server; readonly history: History }> {
  const server = await startServer(options.endpoint);
  try {
    return { server, history: await writeHistory(bench, server, runPrefix(bench)) };
  } catch (error) {
    await server.close();
    throw error;
  }
}

let prefixes = 0;
function runPrefix(bench: Bench): string {
  prefixes += 1;
  return `bench-${bench.name}-${String(process.pid)}-${String(Date.now())}-${String(prefixes)}/`;
}

function profileArguments(options: Options, bench: Bench, client: ClientName, run: number): readonly string[] {
  if (!options.profile) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${join(resultsFolder, 'profiles', `${bench.name}-${client}-${String(run)}`)}`];
}

function brief(bench: Bench, row: Row): string {
  return bench.metrics.map((metric) => `${metric} ${row[metric]?.toPrecision(4) ?? 'n/a'}`).join(', ');
}

function environment(options: Options): Record<string, unknown> {
  const version = (name: string): unknown =>
    (JSON.parse(readFileSync(join(packageRoot, 'node_modules', name, 'package.json'), 'utf8')) as { version?: unknown })
      .version; // every package.json has one
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    etcd3: version('etcd3'),
    grpcJs: version('@grpc/grpc-js'),
    quick: options.quick,
    runs: options.runs,
    ownEtcd: options.endpoint === undefined,
  };
}

function commit(): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: packageRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    say(HELP);
    return 0;
  }
  if (options.endpoint === undefined && (options.benches.length > 0 || options.embedded)) checkEtcd();
  const about = environment(options);
  say(
    `etcd-vigil load benches: Node ${process.version}, ${String(about['cores'])} cores, median of ${String(options.runs)} run(s)`,
  );
  if (options.quick) say('--quick: small sizes and few runs; no figure here is to be quoted');
  const results: BenchResult[] = [];
  for (const bench of options.benches) {
    const result = await runBench(bench, options);
    results.push(result);
    say(`\n${bench.name}: ${bench.title}${result.etcdVersion === undefined ? '' : `, etcd ${result.etcdVersion}`}`);
    say(table(bench, result.results));
    for (const verdict of result.verdicts) say(verdictLine(verdict));
  }
  let embedded: EmbeddedResult | undefined;
  if (options.embedded) {
    embedded = await runEmbedded(options.quick, options.runs, progress);
    say('\nembedded: the embedded server beside etcd, 64 callers, 1,000 watchers of one prefix, values of 100 bytes');
    say(embeddedReport(embedded));
  }
  let imports: ImportResult | undefined;
  if (options.imports) {
    imports = runImports(options.runs, progress);
    say(`\nimport: what loading the package adds to an empty process, median of ${String(imports.runs)}`);
    say(importReport(imports));
  }
  mkdirSync(resultsFolder, { recursive: true });
  const file = join(resultsFolder, `load-${new Date().toISOString().replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ environment: about, results, embedded, imports }, undefined, 2)}\n`);
  say(`\nAll figures: ${file}`);
  const all = [
    ...results.flatMap((result) => result.verdicts),
    ...(embedded?.verdicts ?? []),
    ...(imports?.verdicts ?? []),
  ];
  const failed = all.filter(({ passed }) => passed !== true);
  return options.assert && failed.length > 0 ? 1 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${HELP}` : error);
    // At once: a child or server of a failed run must not keep it; their exit hooks end them.
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
