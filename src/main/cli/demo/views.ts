/** The demo without a terminal: plain lines once a second, or JSON lines. */
import { wrapText } from '../live-block.js';
import type { Output } from '../output.js';
import { count, milliseconds, percent } from './figures.js';
import type { DemoSummary, DemoView, Frame, LeaseFrame } from './frame.js';
import { summaryTable, verdictLine } from './summary-table.js';

export class PlainView implements DemoView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** A terminal that cannot move its cursor still has an edge. */
  get #columns(): number {
    const { isTTY, columns } = this.#output.stdout;
    return isTTY === true && columns !== undefined ? columns - 1 : Infinity;
  }

  #print(text: string): void {
    void this.#output.print(`${wrapText(text, this.#columns).join('\n')}\n`);
  }

  note(text: string): void {
    this.#print(text);
  }

  tick(): void {
    // Lines come with the frames only.
  }

  frame(frame: Frame): void {
    const { shards } = frame;
    const parts = [
      `${String(frame.second).padStart(3)} s`,
      `${count(frame.eventsPerSecond)} events/s`,
      `put to event p50 ${milliseconds(frame.p50Ms)} p99 ${milliseconds(frame.p99Ms)}`,
      `main busy ${percent(frame.mainBusy)}`,
      ...shards.map((shard) => `shard ${String(shard.shard)} ${shardText(shard)}`),
      ...(frame.leases === undefined ? [] : [`leases ${leasesText(frame.leases)}`]),
    ];
    this.#print(parts.join('  '));
  }

  settle(): void {
    // Nothing moves.
  }

  summary(summary: DemoSummary): void {
    this.#print(`${summaryTable(summary, this.#columns)}\n${verdictLine(summary)}`);
  }
}

export class JsonView implements DemoView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  note(text: string): void {
    this.#output.note(`vigil: ${text}`);
  }

  tick(): void {
    // Lines come with the frames only.
  }

  frame(frame: Frame): void {
    void this.#output.print(`${JSON.stringify({ type: 'second', ...frame })}\n`);
  }

  settle(): void {
    // Nothing moves.
  }

  summary(summary: DemoSummary): void {
    void this.#output.print(`${JSON.stringify({ type: 'summary', ...summary })}\n`);
  }
}

/** The leases' figures in one line. */
export function leasesText(leases: LeaseFrame): string {
  return leasesTexts(leases)[0] ?? '';
}

/** The same, the longest first. */
export function leasesTexts({ held, lost, keepAlivesPerSecond, shortestRemainingMs }: LeaseFrame): string[] {
  const left = shortestRemainingMs === undefined ? '-' : `${(shortestRemainingMs / 1_000).toFixed(1)} s`;
  const short = `${count(held)} held, ${count(lost)} lost`;
  const longer = `${short}, ${count(keepAlivesPerSecond)} keepalives/s`;
  return [`${longer}, shortest left ${left}`, `${longer}, ${left} left`, longer, short];
}

/** A shard's figures in one line. */
function shardText(shard: Frame['shards'][number]): string {
  const { state, watches, eventsPerSecond, busy } = shard;
  if (state !== 'running') return state;
  return `${count(eventsPerSecond)} events/s busy ${percent(busy)} ${count(watches)} watches`;
}
