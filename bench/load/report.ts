/** Medians, ratios to etcd3, the table on the screen and the verdict on the limits. Pure: figures in, text and values out. */
import { METRICS, type Bench, type Limit, type Metric } from './benches.js';
import type { ClientName } from './messages.js';
import type { Row } from './watch-run.js';

/** All runs of a client in a bench. */
export interface ClientResult {
  readonly client: ClientName;
  readonly runs: readonly Row[];
  readonly median: Row;
}

export interface Verdict {
  readonly bench: string;
  readonly client: ClientName;
  readonly text: string;
  /** Undefined: a figure that it compares is not there. */
  readonly passed: boolean | undefined;
}

export function clientResult(client: ClientName, runs: readonly Row[]): ClientResult {
  const metrics = Object.keys(METRICS) as Metric[]; // the keys of the table are its metrics
  const medians = metrics.flatMap((metric): [Metric, number][] => {
    const values = runs.flatMap((run) => run[metric] ?? []);
    const middle = median(values);
    return middle === undefined ? [] : [[metric, middle]];
  });
  return { client, runs, median: Object.fromEntries(medians) };
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

function baselineOf(results: readonly ClientResult[]): Row {
  return results.find(({ client }) => client === 'etcd3')?.median ?? {};
}

function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined || base === 0 ? undefined : value / base;
}

export function table(bench: Bench, results: readonly ClientResult[]): string {
  const baseline = baselineOf(results);
  const head = ['client'];
  for (const metric of bench.metrics) {
    head.push(METRICS[metric].label);
    if (bench.ratios.includes(metric)) head.push('x etcd3');
  }
  const rows = results.map(({ client, median: row }) => {
    const cells: string[] = [client];
    for (const metric of bench.metrics) {
      cells.push(shown(row[metric], METRICS[metric].digits));
      if (bench.ratios.includes(metric)) cells.push(shown(ratio(row[metric], baseline[metric]), 3));
    }
    return cells;
  });
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

function shown(value: number | undefined, digits: number): string {
  if (value === undefined) return 'n/a';
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What became of each limit of the bench, for the clients that ran. */
export function verdicts(bench: Bench, results: readonly ClientResult[]): readonly Verdict[] {
  const baseline = baselineOf(results);
  return bench.limits.flatMap((limit) =>
    limit.clients.flatMap((client): Verdict[] => {
      const row = results.find((result) => result.client === client)?.median;
      return row === undefined ? [] : [verdict(bench, client, limit, row, baseline)];
    }),
  );
}

function verdict(bench: Bench, client: ClientName, limit: Limit, row: Row, baseline: Row): Verdict {
  const { label } = METRICS[limit.metric];
  const value = row[limit.metric];
  const base = baseline[limit.metric];
  const judge = (measured: number | undefined, text: string): Verdict => ({
    bench: bench.name,
    client,
    text,
    passed: measured === undefined ? undefined : measured <= limit.most,
  });
  switch (limit.kind) {
    case 'ratio': {
      const measured = ratio(value, base);
      return judge(measured, `${label} ${shown(measured, 3)}x etcd3, at most ${String(limit.most)}x`);
    }
    case 'above': {
      const measured = value === undefined || base === undefined ? undefined : value - base;
      return judge(measured, `${label} ${shown(measured, 3)} above etcd3's, at most ${String(limit.most)}`);
    }
    case 'value':
      return judge(value, `${label} ${shown(value, 3)}, at most ${String(limit.most)}`);
  }
}

export function verdictLine({ client, text, passed }: Verdict): string {
  const word = passed === undefined ? 'n/a ' : passed ? 'PASS' : 'FAIL';
  return `${word}  ${client}: ${text}`;
}
