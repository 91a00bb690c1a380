/** The benches: their sizes, their clients and what their figures must be. Data only; running them is bench-run.ts's. */
import type { ClientName } from './messages.js';

/** The columns of a result. `undefined` in a row: the system or the bench does not tell it. */
export const METRICS = {
  eventsPerSecond: { label: 'events/s', digits: 0 },
  cpuUsPerEvent: { label: 'CPU µs/event', digits: 3 },
  mainUsPerEvent: { label: 'main µs/event', digits: 3 },
  createMs: { label: 'create ms', digits: 1 },
  createCpuMs: { label: 'create CPU ms', digits: 1 },
  createMainMs: { label: 'create main ms', digits: 1 },
  p50Ms: { label: 'p50 ms', digits: 3 },
  p99Ms: { label: 'p99 ms', digits: 3 },
  granted: { label: 'granted', digits: 0 },
  grantMs: { label: 'grant ms', digits: 0 },
  grantCpuUs: { label: 'CPU µs/grant', digits: 1 },
  keepAlivesPerSecond: { label: 'renewals/s', digits: 0 },
  cpuUsPerKeepAlive: { label: 'CPU µs/renewal', digits: 2 },
  mainPercent: { label: 'main busy %', digits: 2 },
  lost: { label: 'lost', digits: 0 },
  rssMiB: { label: 'RSS MiB', digits: 0 },
} as const;
export type Metric = keyof typeof METRICS;

/** What the issue of the project demands of a client, against etcd3 in the same run. */
export type Limit =
  | { readonly kind: 'ratio'; readonly metric: Metric; readonly clients: readonly ClientName[]; readonly most: number }
  | { readonly kind: 'above'; readonly metric: Metric; readonly clients: readonly ClientName[]; readonly most: number }
  | { readonly kind: 'value'; readonly metric: Metric; readonly clients: readonly ClientName[]; readonly most: number };

interface Common {
  readonly name: string;
  /** For the heading; says the sizes. */
  readonly title: string;
  readonly clients: readonly ClientName[];
  readonly metrics: readonly Metric[];
  /** Their ratio to etcd3 is printed beside them. */
  readonly ratios: readonly Metric[];
  readonly limits: readonly Limit[];
}

export interface WatchBench extends Common {
  readonly kind: 'watch';
  readonly ranges: 'prefix' | 'keys';
  readonly watchers: number;
  /** Different keys that the load writes in turn. */
  readonly keys: number;
  readonly writes: number;
  readonly writesPerSecond: number;
  readonly latency: boolean;
  /** The load comes first, once for all clients, and is then read from its first revision. */
  readonly replay: boolean;
}

export interface LeaseBench extends Common {
  readonly kind: 'lease';
  readonly leases: number;
  readonly ttlSeconds: number;
  readonly windowSeconds: number;
}

export type Bench = WatchBench | LeaseBench;

const THREADS = ['vigil', 'vigil-iterator'] as const;
const INLINE = ['vigil-inline', 'vigil-inline-iterator'] as const;
const ALL = ['etcd3', 'raw-grpc', ...THREADS, 'vigil-grpc-js', ...INLINE] as const;
const EVENT_METRICS = ['eventsPerSecond', 'cpuUsPerEvent', 'mainUsPerEvent', 'rssMiB'] as const;
const EVENT_RATIOS = ['cpuUsPerEvent', 'mainUsPerEvent'] as const;

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** All benches in the order in which they run; `quick` has them small, for a look and for tests of the bench itself. */
export function benches(quick: boolean): readonly Bench[] {
  const size = (full: number, small: number): number => (quick ? small : full);
  const watchers = size(1_000, 200);
  const fanoutWrites = size(3_000, 500);
  const disjointWrites = size(100_000, 10_000);
  const replayWrites = size(200_000, 20_000);
  const createWatchers = size(5_000, 1_000);
  const latencyWrites = size(3_000, 600);
  const watch: readonly WatchBench[] = [
    {
      kind: 'watch',
      name: 'fanout',
      title: `${count(watchers)} watchers of one prefix, ${count(fanoutWrites)} puts`,
      clients: ALL,
      metrics: EVENT_METRICS,
      ratios: EVENT_RATIOS,
      limits: [
        { kind: 'ratio', metric: 'cpuUsPerEvent', clients: THREADS, most: 0.4 },
        { kind: 'ratio', metric: 'mainUsPerEvent', clients: THREADS, most: 0.04 },
      ],
      ranges: 'prefix',
      watchers,
      keys: 1_000,
      writes: fanoutWrites,
      writesPerSecond: 0,
      latency: false,
      replay: false,
    },
    {
      kind: 'watch',
      name: 'disjoint',
      title: `${count(watchers)} watchers of a key each, ${count(disjointWrites)} puts`,
      clients: ALL,
      metrics: EVENT_METRICS,
      ratios: EVENT_RATIOS,
      limits: [
        { kind: 'ratio', metric: 'cpuUsPerEvent', clients: THREADS, most: 0.5 },
        { kind: 'ratio', metric: 'mainUsPerEvent', clients: THREADS, most: 0.15 },
        { kind: 'ratio', metric: 'cpuUsPerEvent', clients: INLINE, most: 0.3 },
      ],
      ranges: 'keys',
      watchers,
      keys: watchers,
      writes: disjointWrites,
      writesPerSecond: 0,
      latency: false,
      replay: false,
    },
    {
      kind: 'watch',
      name: 'replay',
      title: `one watcher from revision 1, ${count(replayWrites)} puts before it`,
      clients: ALL,
      metrics: EVENT_METRICS,
      ratios: EVENT_RATIOS,
      limits: [],
      ranges: 'prefix',
      watchers: 1,
      keys: 1_000,
      writes: replayWrites,
      writesPerSecond: 0,
      latency: false,
      replay: true,
    },
    {
      kind: 'watch',
      name: 'create',
      title: `${count(createWatchers)} watchers of a key each, made at once`,
      clients: ALL,
      metrics: ['createMs', 'createCpuMs', 'createMainMs', 'rssMiB'],
      ratios: ['createMs', 'createCpuMs', 'createMainMs'],
      limits: [{ kind: 'ratio', metric: 'createMs', clients: THREADS, most: 0.2 }],
      ranges: 'keys',
      watchers: createWatchers,
      keys: createWatchers,
      writes: createWatchers,
      writesPerSecond: 0,
      latency: false,
      replay: false,
    },
    {
      kind: 'watch',
      name: 'latency',
      title: `${count(watchers)} watchers of a key each, 200 puts/s, ${count(latencyWrites)} puts`,
      clients: ALL,
      metrics: ['p50Ms', 'p99Ms', 'cpuUsPerEvent', 'mainUsPerEvent'],
      ratios: ['p50Ms', 'p99Ms'],
      limits: [
        { kind: 'above', metric: 'p50Ms', clients: THREADS, most: 0.3 },
        { kind: 'ratio', metric: 'p99Ms', clients: THREADS, most: 1.25 },
      ],
      ranges: 'keys',
      watchers,
      keys: watchers,
      writes: latencyWrites,
      writesPerSecond: 200,
      latency: true,
      replay: false,
    },
  ];
  return [...watch, ...leaseBenches(quick)];
}

function leaseBenches(quick: boolean): readonly LeaseBench[] {
  const windowSeconds = quick ? 10 : 60;
  return (quick ? [200] : [1_000, 10_000, 50_000, 100_000]).map((leases) => {
    const ttlSeconds = leases > 50_000 ? 60 : 15;
    return {
      kind: 'lease',
      name: `lease-${String(leases)}`,
      title: `${count(leases)} leases of ${String(ttlSeconds)} s kept for ${String(windowSeconds)} s`,
      clients: ['etcd3', 'raw-grpc', 'vigil'],
      metrics: [
        'granted',
        'grantMs',
        'grantCpuUs',
        'keepAlivesPerSecond',
        'cpuUsPerKeepAlive',
        'mainPercent',
        'lost',
        'rssMiB',
      ],
      ratios: ['grantMs', 'cpuUsPerKeepAlive'],
      limits: leaseLimits(leases),
      leases,
      ttlSeconds,
      windowSeconds,
    };
  });
}

function leaseLimits(leases: number): readonly Limit[] {
  const clients = ['vigil'] as const;
  const limits: Limit[] = [{ kind: 'value', metric: 'lost', clients, most: 0 }];
  if (leases === 10_000) limits.push({ kind: 'ratio', metric: 'cpuUsPerKeepAlive', clients, most: 0.2 });
  if (leases === 50_000) {
    limits.push(
      { kind: 'value', metric: 'mainPercent', clients, most: 1 },
      { kind: 'value', metric: 'rssMiB', clients, most: 160_000_000 / 1024 / 1024 },
    );
  }
  return limits;
}
