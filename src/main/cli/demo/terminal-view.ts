/** The demo on a terminal: bars that are drawn again in place, in as many columns as there are. */
import { barText, LiveBlock, wrapText } from '../live-block.js';
import type { Output } from '../output.js';
import { count, milliseconds, percent } from './figures.js';
import type { DemoSummary, DemoView, Frame, ShardFrame } from './frame.js';
import { summaryTable, verdictLine } from './summary-table.js';
import { leasesTexts } from './views.js';

const NAME_WIDTH = 8;
const BAR_WIDTH = 24;
const SMALL_BAR_WIDTH = 8;
/** From here on there is room for long bars. */
const WIDE = 79;

export class TerminalView implements DemoView {
  readonly #output: Output;
  readonly #block: LiveBlock;
  readonly #hasColor: boolean;
  readonly #totalSeconds: number;
  #elapsedSeconds = 0;
  #frame: Frame | undefined;
  /** The cursor comes back however the process ends. */
  readonly #onExit = (): void => this.#block.settle();

  constructor(output: Output, totalSeconds: number, hasColor: boolean) {
    this.#output = output;
    this.#totalSeconds = totalSeconds;
    this.#hasColor = hasColor;
    this.#block = new LiveBlock(output.stdout, (text) => void output.print(text));
  }

  note(text: string): void {
    this.#block.log(text);
  }

  tick(elapsedSeconds: number): void {
    this.#elapsedSeconds = Math.min(this.#totalSeconds, elapsedSeconds);
    if (this.#frame !== undefined) this.#draw(this.#frame);
  }

  frame(frame: Frame): void {
    if (this.#frame === undefined) process.once('exit', this.#onExit);
    this.#frame = frame;
    this.tick(Math.max(frame.second, this.#elapsedSeconds));
  }

  settle(): void {
    process.removeListener('exit', this.#onExit);
    this.#block.settle();
    this.#frame = undefined;
  }

  summary(summary: DemoSummary): void {
    this.settle();
    const { columns } = this.#block;
    const color = summary.passed ? '\u001b[32m' : '\u001b[31m';
    const verdict = wrapText(verdictLine(summary), columns).map((line) =>
      this.#hasColor ? `${color}${line}\u001b[0m` : line,
    );
    void this.#output.print(`${summaryTable(summary, columns)}\n${verdict.join('\n')}\n`);
  }

  #draw(frame: Frame): void {
    const elapsed = this.#elapsedSeconds;
    const total = this.#totalSeconds;
    this.#block.draw((columns) => [
      barLine('time', elapsed / total, [`${String(Math.floor(elapsed))} of ${String(total)} s`], columns),
      textLine('events', eventsTexts(frame), columns),
      textLine('latency', latencyTexts(frame), columns),
      ...(frame.leases === undefined ? [] : [textLine('leases', leasesTexts(frame.leases), columns)]),
      barLine('main', frame.mainBusy, [`${percent(frame.mainBusy)} busy`], columns),
      ...frame.shards.map((shard) =>
        barLine(`shard ${String(shard.shard)}`, shard.busy ?? 0, shardTexts(shard), columns),
      ),
    ]);
  }
}

/** Each figure in several lengths, the longest first. */
function eventsTexts({ eventsPerSecond, seen, written }: Frame): string[] {
  const rate = count(eventsPerSecond);
  return [
    `${rate} a second, ${count(seen)} seen of ${count(written)} written`,
    `${rate}/s, ${count(seen)} seen of ${count(written)}`,
    `${rate}/s, ${count(seen)} seen`,
    `${rate}/s`,
  ];
}

function latencyTexts({ p50Ms, p99Ms }: Frame): string[] {
  const figures = `p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}`;
  return [`put to event: ${figures}`, figures];
}

function shardTexts({ state, busy, eventsPerSecond, watches }: ShardFrame): string[] {
  if (state !== 'running') return [state];
  const [share, events] = [percent(busy), count(eventsPerSecond)];
  return [
    `${share} busy, ${events} events/s, ${count(watches)} watches`,
    `${share} busy, ${events} events/s`,
    `${share}, ${events}/s`,
    share,
  ];
}

function barLine(name: string, share: number, texts: readonly string[], columns: number): string {
  const bar = barText(share, columns >= WIDE ? BAR_WIDTH : SMALL_BAR_WIDTH);
  const before = `${name.padEnd(NAME_WIDTH)} ${bar} `;
  return before + longestFitting(texts, columns - before.length);
}

function textLine(name: string, texts: readonly string[], columns: number): string {
  const before = `${name.padEnd(NAME_WIDTH)} `;
  return before + longestFitting(texts, columns - before.length);
}

function longestFitting(texts: readonly string[], room: number): string {
  return texts.find((text) => text.length <= room) ?? texts.at(-1) ?? '';
}
