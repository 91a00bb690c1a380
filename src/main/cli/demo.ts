/** `vigil demo`: very many watches and leases under load, shown live and checked write by write. */
import { randomBytes } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { ConnectOptions, TransportKind } from '../index.js';
import { connect } from './lazy-connect.js';
import type { CommandContext } from './command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from './connection-flags.js';
import type { DemoSettings } from './demo/demo-run.js';
import { DemoServer } from './demo/demo-server.js';
import type { DemoSummary, DemoView } from './demo/frame.js';
import { TerminalView } from './demo/terminal-view.js';
import { JsonView, PlainView } from './demo/views.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { shards, wholeNumber } from './option-values.js';
import { note, whenOutputBreaks } from './output.js';
import { stopSignals } from './stop-signals.js';

interface DemoFlags extends ConnectionFlags {
  readonly seconds: number;
  readonly ranges: number;
  readonly shards?: number | 'inline';
  readonly transport: TransportKind;
  readonly leases: number;
}

const KEYS_PER_RANGE = 4;
const MOST_WRITES_PER_TXN = 16;
const CLEANUP_TIMEOUT_MS = 10_000;

export function addDemo(program: Command, context: CommandContext): void {
  const command = program
    .command('demo')
    .description(
      'watch many ranges of an etcd in this process (or of --endpoints) under load, show it live, check every write',
    )
    .option('--seconds <n>', 'how long to write', wholeNumber(1, 86_400), 20)
    .option('--ranges <n>', 'ranges to watch', wholeNumber(1, 100_000), 1_000)
    .option('--leases <n>', 'leases to hold, with a key each; 0 for none', wholeNumber(0, 1_000_000), 5_000)
    .option('--shards <n>', 'worker threads, or inline; default: one less than the cores, 1 to 4', shards)
    .addOption(new Option('--transport <kind>', 'of the watch streams').choices(['http2', 'grpc-js']).default('http2'));
  addConnectionFlags(command).action((flags: DemoFlags) => context.run(demo(flags)));
}

async function demo(flags: DemoFlags): Promise<number> {
  const stop = stopSignals();
  // `vigil demo | head`: ends as with Ctrl-C, so that nothing is left behind.
  whenOutputBreaks(() => stop.stop());
  const view = viewFor(flags);
  let own: DemoServer | undefined;
  try {
    if (flags.endpoints === undefined) own = await startServer(flags, view);
    // The environment is left out: a shell set up for a real cluster must not lend it to a load test.
    const options = { ...connectOptions(flags, {}), ...(own === undefined ? {} : { endpoints: own.endpoint }) };
    const summary = await runOn(options, flags, view, stop.signal, own);
    view.summary(summary);
    return summary.passed ? exitCode.ok : exitCode.failed;
  } catch (error) {
    // Stopped before there was anything to check.
    if (stop.signal.aborted) return stop.exitCode() ?? exitCode.ok;
    throw error;
  } finally {
    view.settle();
    await own?.close();
    stop.release();
  }
}

async function startServer(flags: DemoFlags, view: DemoView): Promise<DemoServer> {
  if ([flags.cacert, flags.cert, flags.key, flags.serverName].some((value) => value !== undefined))
    throw usageError('--cacert, --cert, --key and --server-name are for --endpoints');
  const own = await DemoServer.start();
  view.note(`an etcd in this process serves at ${own.endpoint}`);
  return own;
}

async function runOn(
  options: ConnectOptions,
  flags: DemoFlags,
  view: DemoView,
  signal: AbortSignal,
  own: DemoServer | undefined,
): Promise<DemoSummary> {
  const etcd = await connect({ ...options, shards: flags.shards, transport: flags.transport, signal });
  // Nobody else's keys begin so.
  const prefix = `vigil-demo/${randomBytes(8).toString('hex')}/`;
  if (own === undefined) view.note(`keys are written below ${prefix}, and deleted at the end`);
  own?.trimHistory(etcd);
  const keys = { prefix, ranges: flags.ranges, keysPerRange: KEYS_PER_RANGE };
  const { length: shardCount } = (await etcd.stats()).shards;
  const settings: DemoSettings = {
    keys,
    seconds: flags.seconds,
    shards: flags.shards ?? shardCount,
    transport: flags.transport,
    leases: flags.leases,
    ownsServer: own !== undefined,
    writer: {
      kind: 'start',
      ...keys,
      connect: { endpoints: options.endpoints, tls: options.tls, requestTimeoutMs: options.requestTimeoutMs },
      writesPerTxn: Math.min(MOST_WRITES_PER_TXN, Math.floor((flags.ranges * KEYS_PER_RANGE) / 2)),
    },
  };
  try {
    const { DemoRun } = await import('./demo/demo-run.js');
    return await new DemoRun(etcd, settings, view).run(signal);
  } finally {
    if (own === undefined) {
      await etcd.kv
        .delete({ prefix }, { timeoutMs: options.requestTimeoutMs ?? CLEANUP_TIMEOUT_MS })
        .catch(() => note(`vigil: the demo's keys could not be deleted; do it with: vigil del --prefix ${prefix}`));
    }
    await etcd.close();
  }
}

function viewFor(flags: DemoFlags): DemoView {
  if (flags.json === true) return new JsonView();
  const { stdout, env } = process;
  if (!stdout.isTTY || env['TERM'] === 'dumb') return new PlainView();
  const hasColor = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  return new TerminalView(stdout, flags.seconds, hasColor);
}
