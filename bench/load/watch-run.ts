/** One run of a watch bench: one client, alone, against a load from another process. Verifies before it gives a figure. */
import type { WatchBench, Metric } from './benches.js';
import { Child, RunError } from './child.js';
import type {
  ClientName,
  FromClient,
  FromWriter,
  ToClient,
  ToWriter,
  WatchPlan,
  WriterReport,
  WriterTask,
} from './messages.js';
import type { Server } from './server.js';

/** The figures of one run; one that is missing could not be measured. */
export type Row = Readonly<Partial<Record<Metric, number>>>;

export interface RunContext {
  readonly server: Server;
  readonly client: ClientName;
  /** Unique to the run: an etcd that is not ours keeps the keys of earlier ones. */
  readonly prefix: string;
  /** For Node; such as `--cpu-prof`. */
  readonly execArgv: readonly string[];
}

/** Written before the run, for replays. */
export interface History {
  readonly prefix: string;
  readonly report: WriterReport;
}

const CONCURRENCY = 64;
const VALUE_BYTES = 64;
const CONNECT_TIMEOUT_MS = 30_000;
const CREATE_TIMEOUT_MS = 120_000;
/** The client itself gives up earlier, 20 s after the last event that came. */
const LOAD_TIMEOUT_MS = 600_000;

const clientScript = new URL('client-process.js', import.meta.url);
const writerScript = new URL('writer-process.js', import.meta.url);

function writerTask(bench: WatchBench, server: Server, prefix: string, valueBytes = VALUE_BYTES): WriterTask {
  const { keys, writes, writesPerSecond } = bench;
  return {
    address: server.endpoint,
    prefix,
    keys,
    writes,
    writesPerSecond,
    concurrency: CONCURRENCY,
    valueBytes,
  };
}

/** Writes a bench's load with nobody watching. */
export async function writeHistory(
  bench: WatchBench,
  server: Server,
  prefix: string,
  valueBytes?: number,
): Promise<History> {
  const writer = new Child<ToWriter, FromWriter>('the writer', writerScript);
  try {
    writer.send({ kind: 'task', task: writerTask(bench, server, prefix, valueBytes) });
    await writer.next('connected', CONNECT_TIMEOUT_MS);
    writer.send({ kind: 'go' });
    const { report } = await writer.next('written', LOAD_TIMEOUT_MS);
    return { prefix, report };
  } finally {
    await writer.kill();
  }
}

export async function runWatch(bench: WatchBench, context: RunContext, history: History | undefined): Promise<Row> {
  const { server, client: name } = context;
  const prefix = history?.prefix ?? context.prefix;
  const eventsPerWrite = bench.ranges === 'prefix' ? bench.watchers : 1;
  const events = bench.writes * eventsPerWrite;
  const client = new Child<ToClient, FromClient>(name, clientScript, context.execArgv);
  const writer = history === undefined ? new Child<ToWriter, FromWriter>('the writer', writerScript) : undefined;
  try {
    // Before the client begins: a process that starts takes one of two cores, and creating is measured, too.
    writer?.send({ kind: 'task', task: writerTask(bench, server, prefix) });
    await writer?.next('connected', CONNECT_TIMEOUT_MS);
    client.send({
      kind: 'task',
      task: {
        kind: 'watch',
        client: name,
        endpoint: server.endpoint,
        plan: plan(bench, server, prefix, history),
        latency: bench.latency,
        replayEvents: history === undefined ? undefined : events,
      },
    });
    const created = await client.next('created', CREATE_TIMEOUT_MS);
    client.send({ kind: 'start', events });
    await client.next('started', CONNECT_TIMEOUT_MS);
    writer?.send({ kind: 'go' });
    const written = history?.report ?? (await writer?.next('written', LOAD_TIMEOUT_MS))?.report;
    const received = await client.next('received', LOAD_TIMEOUT_MS);
    client.send({ kind: 'leave' });
    verify(name, { events, lastRevision: written?.lastRevision ?? 0, written: written?.writes ?? 0, bench }, received);

    const startNs = history === undefined ? BigInt(written?.startNs ?? 0) : undefined;
    const wallMs =
      startNs === undefined ? received.figures.wallMs : Number(BigInt(received.figures.endNs) - startNs) / 1e6;
    const { cpuMs, mainMs } = received.figures;
    return {
      eventsPerSecond: (events / wallMs) * 1_000,
      cpuUsPerEvent: (cpuMs * 1_000) / events,
      ...known('mainUsPerEvent', mainMs, (ms) => (ms * 1_000) / events),
      createMs: created.figures.wallMs,
      createCpuMs: created.figures.cpuMs,
      ...known('createMainMs', created.figures.mainMs, (ms) => ms),
      ...known('p50Ms', received.latency?.p50Ms, (ms) => ms),
      ...known('p99Ms', received.latency?.p99Ms, (ms) => ms),
      rssMiB: received.peakRssMiB,
    };
  } finally {
    await Promise.all([client.leave(), writer?.kill()]);
  }
}

function plan(bench: WatchBench, server: Server, prefix: string, history: History | undefined): WatchPlan {
  const first = server.isFresh ? 1 : history?.report.firstRevision;
  const startRevision = history === undefined || first === undefined ? undefined : String(first);
  return { kind: bench.ranges, prefix, watchers: bench.watchers, startRevision };
}

function known(metric: Metric, value: number | undefined, of: (value: number) => number): Row {
  return value === undefined ? {} : { [metric]: of(value) };
}

/** Throws unless exactly what was written was received. */
function verify(
  name: string,
  wanted: {
    readonly events: number;
    readonly lastRevision: number;
    readonly written: number;
    readonly bench: WatchBench;
  },
  received: { readonly events: number; readonly lastRevision: number },
): void {
  const { events, lastRevision, written, bench } = wanted;
  if (written !== bench.writes)
    throw new RunError(`the writer made ${String(written)} of ${String(bench.writes)} puts`);
  if (received.events !== events)
    throw new RunError(`${name} received ${String(received.events)} events instead of ${String(events)}`);
  if (received.lastRevision !== lastRevision) {
    throw new RunError(
      `${name} ended at revision ${String(received.lastRevision)}, the writer at ${String(lastRevision)}`,
    );
  }
}
