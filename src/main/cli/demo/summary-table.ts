/** The demo's last word: a table and a verdict. Pure. */
import { wrapText } from '../live-block.js';
import { count, milliseconds, percent } from './figures.js';
import type { DemoSummary } from './frame.js';

const LEAST_VALUE_WIDTH = 10;
/** Edges and spaces beside name and value. */
const FRAME_WIDTH = 7;

/** @param columns what a terminal has room for; values that are longer go on in the next row. */
export function summaryTable(summary: DemoSummary, columns: number = Infinity): string {
  const rows = rowsOf(summary);
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const most = Math.max(LEAST_VALUE_WIDTH, columns - nameWidth - FRAME_WIDTH);
  const cells = rows.flatMap(([name, value]) =>
    wrapText(value, most).map((part, place) => [place === 0 ? name : '', part] as const),
  );
  const valueWidth = Math.max(...cells.map(([, value]) => value.length));
  const edge = `+${'-'.repeat(nameWidth + 2)}+${'-'.repeat(valueWidth + 2)}+`;
  const lines = cells.map(([name, value]) => `| ${name.padEnd(nameWidth)} | ${value.padEnd(valueWidth)} |`);
  return [edge, ...lines, edge].join('\n');
}

/** One sentence, in lines that fit a terminal. */
export function verdictLine(summary: DemoSummary): string {
  if (summary.passed)
    return `check passed: each of ${count(summary.written)} writes was seen exactly once, in order${leasesWord(summary)}`;
  if (summary.problem !== undefined) return `check failed: ${summary.problem}`;
  const { lost, doubled, outOfOrder, wrongContent, unexpected } = summary.verdict;
  const faults = [
    [lost, 'lost'],
    [doubled, 'doubled'],
    [outOfOrder, 'out of order'],
    [wrongContent, 'with wrong content'],
    [unexpected, 'never written'],
  ] as const;
  const told = faults.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`);
  return `check failed: ${told.length > 0 ? told.join(', ') : 'nothing was written'}`;
}

function leasesWord({ leases }: DemoSummary): string {
  return leases === undefined ? '' : `,\nand etcd holds each of ${count(leases.held)} leases with its key`;
}

function rowsOf(summary: DemoSummary): (readonly [string, string])[] {
  const { verdict } = summary;
  const server = summary.embedded
    ? 'the embedded server'
    : summary.etcdVersion === undefined
      ? 'etcd'
      : `etcd ${summary.etcdVersion}`;
  const shards =
    summary.shards === 'inline'
      ? 'inline'
      : summary.shards === 1
        ? '1 worker thread'
        : `${String(summary.shards)} worker threads`;
  const cut = summary.interrupted ? ' (interrupted)' : '';
  const rows: (readonly [string, string])[] = [
    ['ran', `${summary.seconds.toFixed(1)} s${cut} on ${server}`],
    ['watches', `${count(summary.ranges)} in one group, created in ${milliseconds(summary.watchesCreatedMs)}`],
    ['engine', `${shards}, ${summary.transport}`],
    ['writes', count(summary.written)],
    ['events', `${count(summary.seen)} (${count(summary.eventsPerSecond)} a second)`],
    ['put to event, p50', milliseconds(summary.p50Ms)],
    ['put to event, p99', milliseconds(summary.p99Ms)],
    ['put to event, longest', milliseconds(summary.maxMs)],
    ['main thread busy', percent(summary.mainBusy)],
    ...summary.shardBusy.map((busy, shard) => [`shard ${String(shard)} busy`, percent(busy)] as const),
    ['lost', count(verdict.lost)],
    ['doubled', count(verdict.doubled)],
    ['out of order', count(verdict.outOfOrder)],
    ['wrong or unknown', count(verdict.wrongContent + verdict.unexpected)],
  ];
  if (summary.leases !== undefined) {
    const { held, lostHere, lostOnServer } = summary.leases;
    rows.push(['leases', `${count(held)} with a key each, granted in ${milliseconds(summary.leasesGrantedMs)}`]);
    rows.push(['leases lost', count(Math.max(lostHere, lostOnServer))]);
  }
  if (summary.writeFailures > 0) {
    rows.push(['writes that failed', count(summary.writeFailures)]);
    rows.push(['  of them applied', count(verdict.appliedUnanswered)]);
  }
  return rows;
}
