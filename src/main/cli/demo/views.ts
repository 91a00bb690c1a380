/** The demo without a terminal: plain lines once a second, or JSON lines. */
import { note, print } from '../output.js';
import { count, milliseconds, percent } from './figures.js';
import type { DemoSummary, DemoView, Frame, LeaseFrame } from './frame.js';
import { summaryTable, verdictLine } from './summary-table.js';

export class PlainView implements DemoView {
  note(text: string): void {
    void print(`${text}\n`);
  }

  tick(): void {
    // Lines come with the frames only.
  }

  frame(frame: Frame): void {
    const { shards } = frame;
    const parts = [
      `${String(Math.round(frame.elapsedSeconds)).padStart(3)} s`,
      `${count(frame.eventsPerSecond)} events/s`,
      `put to event p50 ${milliseconds(frame.p50Ms)} p99 ${milliseconds(frame.p99Ms)}`,
      `main busy ${percent(frame.mainBusy)}`,
      ...shards.map((shard) => `shard ${String(shard.shard)} ${shardText(shard)}`),
      ...(frame.leases === undefined ? [] : [`leases ${leasesText(frame.leases)}`]),
    ];
    void print(`${parts.join('  ')}\n`);
  }

  settle(): void {
    // Nothing moves.
  }

  summary(summary: DemoSummary): void {
    void print(`${summaryTable(summary)}\n${verdictLine(summary)}\n`);
  }
}

export class JsonView implements DemoView {
  note(text: string): void {
    note(`vigil: ${text}`);
  }

  tick(): void {
    // Lines come with the frames only.
  }

  frame(frame: Frame): void {
    void print(`${JSON.stringify({ type: 'second', ...frame })}\n`);
  }

  settle(): void {
    // Nothing moves.
  }

  summary(summary: DemoSummary): void {
    void print(`${JSON.stringify({ type: 'summary', ...summary })}\n`);
  }
}

/** The leases' figures in one line. */
export function leasesText({ held, lost, keepAlivesPerSecond, shortestRemainingMs }: LeaseFrame): string {
  const left = shortestRemainingMs === undefined ? '-' : `${(shortestRemainingMs / 1_000).toFixed(1)} s`;
  return `${count(held)} held, ${count(lost)} lost, ${count(keepAlivesPerSecond)} keepalives/s, shortest left ${left}`;
}

/** A shard's figures in one line. */
export function shardText(shard: Frame['shards'][number]): string {
  const { state, watches, eventsPerSecond, busy } = shard;
  if (state !== 'running') return state;
  return `${count(eventsPerSecond)} events/s busy ${percent(busy)} ${count(watches)} watches`;
}
