/** `vigil demo`: very many watches and leases under load, shown live and checked write by write. */
import { randomBytes } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { ConnectOptions, Etcd, TransportKind } from '../index.js';
import { addConnectionFlags, tlsFlag, type ConnectionFlags } from './connection-flags.js';
import type { DemoSettings } from './demo/demo-run.js';
import { DemoServer } from './demo/demo-server.js';
import type { DemoView } from './demo/frame.js';
import { TerminalView } from './demo/terminal-view.js';
import { JsonView, PlainView } from './demo/views.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { loginFlag } from './login.js';
import { shards, wholeNumber } from './option-values.js';
import type { CommandContext, Session } from './session.js';
import { isAbort } from './stop.js';
import { withEtcd } from './with-etcd.js';

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
  addConnectionFlags(command).action((flags: DemoFlags) => context.run((session) => demo(flags, session)));
}

async function demo(flags: DemoFlags, session: Session): Promise<number> {
  const view = viewFor(flags, session);
  let own: DemoServer | undefined;
  try {
    if (flags.endpoints === undefined) own = await startServer(flags, view);
    const reached = own === undefined ? flags : { ...flags, endpoints: own.endpoint };
    const engine = { shards: flags.shards, transport: flags.transport };
    // The environment is left out: a shell set up for a real cluster must not lend it to a load test.
    return await withEtcd(
      session,
      reached,
      engine,
      (etcd, options) => runOn(etcd, options, reached, view, session, own),
      {},
    );
  } finally {
    view.settle();
    await own?.close();
  }
}

async function startServer(flags: DemoFlags, view: DemoView): Promise<DemoServer> {
  const flag = tlsFlag(flags) ?? loginFlag(flags);
  if (flag !== undefined) throw usageError(`${flag} is for --endpoints, which is not given`);
  const own = await DemoServer.start();
  view.note(`an etcd in this process serves at ${own.endpoint}`);
  return own;
}

async function runOn(
  etcd: Etcd,
  options: ConnectOptions,
  flags: DemoFlags,
  view: DemoView,
  session: Session,
  own: DemoServer | undefined,
): Promise<number> {
  // Nobody else's keys begin so.
  const prefix = `vigil-demo/${randomBytes(8).toString('hex')}/`;
  const disown = own === undefined ? ownKeys(prefix, view, session) : undefined;
  own?.trimHistory(etcd);
  try {
    const { DemoRun } = await import('./demo/demo-run.js');
    const settings = await settingsFor(etcd, options, flags, prefix, own !== undefined);
    const summary = await new DemoRun(etcd, settings, view).run(session.stop);
    view.summary(summary);
    return summary.passed ? exitCode.ok : exitCode.failed;
  } catch (error) {
    // Stopped before there was anything to check, or in the middle of it.
    if (session.stop.signal.aborted && isAbort(error)) return session.stop.exitCode();
    throw error;
  } finally {
    view.settle();
    if (disown !== undefined) await deleteKeys(etcd, prefix, flags, session);
    disown?.();
  }
}

function ownKeys(prefix: string, view: DemoView, { stop }: Session): () => void {
  view.note(`keys are written below ${prefix}, and deleted at the end`);
  return stop.own(`keys of the demo; delete them with: vigil del --prefix ${prefix}`);
}

async function deleteKeys(etcd: Etcd, prefix: string, flags: DemoFlags, { output }: Session): Promise<void> {
  try {
    await etcd.kv.delete({ prefix }, { timeoutMs: flags.timeout ?? CLEANUP_TIMEOUT_MS });
  } catch {
    output.note(`vigil: the demo's keys could not be deleted; do it with: vigil del --prefix ${prefix}`);
  }
}

async function settingsFor(
  etcd: Etcd,
  { endpoints, tls, auth, requestTimeoutMs }: ConnectOptions,
  flags: DemoFlags,
  prefix: string,
  ownsServer: boolean,
): Promise<DemoSettings> {
  const keys = { prefix, ranges: flags.ranges, keysPerRange: KEYS_PER_RANGE };
  const { length: shardCount } = (await etcd.stats()).shards;
  return {
    keys,
    seconds: flags.seconds,
    shards: flags.shards ?? shardCount,
    transport: flags.transport,
    leases: flags.leases,
    ownsServer,
    writer: {
      kind: 'start',
      ...keys,
      connect: { endpoints, tls, auth, requestTimeoutMs },
      writesPerTxn: Math.min(MOST_WRITES_PER_TXN, Math.floor((flags.ranges * KEYS_PER_RANGE) / 2)),
    },
  };
}

function viewFor(flags: DemoFlags, { output, env }: Session): DemoView {
  if (flags.json === true) return new JsonView(output);
  if (output.stdout.isTTY !== true || env['TERM'] === 'dumb') return new PlainView(output);
  const hasColor = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  return new TerminalView(output, flags.seconds, hasColor);
}
