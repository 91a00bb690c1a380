/** The demo on a terminal: bars that are drawn again in place. */
import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import { count, milliseconds, percent } from './figures.js';
import type { DemoSummary, DemoView, Frame } from './frame.js';
import { leasesText } from './views.js';
import { summaryTable, verdictLine } from './summary-table.js';

const BAR_WIDTH = 24;
const NAME_WIDTH = 8;

export class TerminalView implements DemoView {
  readonly #stream: NodeJS.WriteStream;
  readonly #hasColor: boolean;
  readonly #totalSeconds: number;
  #bars: MultiBar | undefined;
  #time: SingleBar | undefined;
  #lines: (SingleBar | undefined)[] = [];
  /** The cursor comes back however the process ends. */
  readonly #onExit = (): void => this.settle();

  constructor(stream: NodeJS.WriteStream, totalSeconds: number, hasColor: boolean) {
    this.#stream = stream;
    this.#totalSeconds = totalSeconds;
    this.#hasColor = hasColor;
  }

  note(text: string): void {
    if (this.#bars === undefined) this.#stream.write(`${text}\n`);
    else this.#bars.log(`${text}\n`);
  }

  tick(elapsedSeconds: number): void {
    this.#time?.update(Math.min(this.#totalSeconds, elapsedSeconds), {
      text: timeText(elapsedSeconds, this.#totalSeconds),
    });
  }

  frame(frame: Frame): void {
    this.#open(frame.shards.length, frame.leases !== undefined);
    const [events, latency, leases, main, ...shards] = this.#lines;
    if (frame.leases !== undefined) leases?.update(0, { text: leasesText(frame.leases) });
    events?.update(0, {
      text: `${count(frame.eventsPerSecond)} a second, ${count(frame.seen)} seen of ${count(frame.written)} written`,
    });
    latency?.update(0, { text: `put to event: p50 ${milliseconds(frame.p50Ms)}, p99 ${milliseconds(frame.p99Ms)}` });
    main?.update(Math.round(frame.mainBusy * 100), { text: `${percent(frame.mainBusy)} busy` });
    for (const [place, { state, busy, watches, eventsPerSecond }] of frame.shards.entries()) {
      const figures = `${percent(busy)} busy, ${count(eventsPerSecond)} events/s, ${count(watches)} watches`;
      shards[place]?.update(Math.round(Math.min(1, busy ?? 0) * 100), { text: state === 'running' ? figures : state });
    }
    this.tick(frame.elapsedSeconds);
  }

  settle(): void {
    process.removeListener('exit', this.#onExit);
    this.#bars?.stop();
    this.#bars = undefined;
    this.#time = undefined;
    this.#lines = [];
  }

  summary(summary: DemoSummary): void {
    this.settle();
    const line = verdictLine(summary);
    const color = summary.passed ? '\u001b[32m' : '\u001b[31m';
    this.#stream.write(`${summaryTable(summary)}\n${this.#hasColor ? `${color}${line}\u001b[0m` : line}\n`);
  }

  #open(shards: number, hasLeases: boolean): void {
    if (this.#bars !== undefined) return;
    const bars = new cliProgress.MultiBar({
      stream: this.#stream,
      format: '{name} [{bar}] {text}',
      barsize: BAR_WIDTH,
      fps: 5,
      hideCursor: true,
      // Signals are the demo's, which ends in order.
      gracefulExit: false,
      emptyOnZero: true,
    });
    this.#bars = bars;
    process.once('exit', this.#onExit);
    const line = { format: '{name} {text}' };
    const bar = (name: string, total: number, options: object = {}): SingleBar =>
      bars.create(total, 0, { name: name.padEnd(NAME_WIDTH), text: '' }, options);
    this.#time = bar('time', this.#totalSeconds);
    this.#lines = [
      bar('events', 1, line),
      bar('latency', 1, line),
      hasLeases ? bar('leases', 1, line) : undefined,
      bar('main', 100),
      ...Array.from({ length: shards }, (_, shard) => bar(`shard ${String(shard)}`, 100)),
    ];
  }
}

function timeText(elapsed: number, total: number): string {
  return `${String(Math.min(total, Math.round(elapsed)))} of ${String(total)} s`;
}
