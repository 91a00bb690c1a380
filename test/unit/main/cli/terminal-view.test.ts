/** The demo on terminals of many widths: its bars stay whole, no line is wider than the terminal, and text stays above. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { DemoSummary, Frame } from '../../../../src/main/cli/demo/frame.js';
import { secondsToTell } from '../../../../src/main/cli/demo/seconds.js';
import { TerminalView } from '../../../../src/main/cli/demo/terminal-view.js';
import { barText, LiveBlock, wrapText } from '../../../../src/main/cli/live-block.js';
import { Output } from '../../../../src/main/cli/output.js';
import { FakeTerminal } from './fake-terminal.js';

const WIDTHS = [40, 41, 59, 60, 79, 80, 81, 120, 200];
const NAMES = ['time', 'events', 'latency', 'leases', 'main', 'shard 0', 'shard 1'];

function outputOn(terminal: FakeTerminal): Output {
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      terminal.write(chunk.toString('utf8'));
      done();
    },
  });
  Object.defineProperties(stream, {
    isTTY: { value: true },
    columns: { get: () => terminal.columns },
    rows: { get: () => terminal.rows },
  });
  terminal.on('resize', () => stream.emit('resize'));
  return new Output(stream, stream, new AbortController().signal, () => undefined);
}

function frame(second: number, seen: number): Frame {
  const shard = { state: 'running', watches: 1_000, eventsPerSecond: 123_456, busy: 0.4567 };
  return {
    second,
    elapsedSeconds: second + 0.01,
    totalSeconds: 20,
    eventsPerSecond: 123_456.7,
    seen,
    written: seen + 7,
    p50Ms: 12.3,
    p99Ms: 1234,
    mainBusy: 0.31,
    shards: [
      { shard: 0, ...shard },
      { shard: 1, ...shard, state: 'replacing' },
    ],
    leases: { held: 1_000_000, lost: 0, keepAlivesPerSecond: 345_678, shortestRemainingMs: 9_876 },
  };
}

const summary: DemoSummary = {
  ...{ passed: true, interrupted: true, embedded: true, etcdVersion: '3.5.16', transport: 'http2', ranges: 100_000 },
  ...{ shards: 64, seconds: 86_400.1, watchesCreatedMs: 12_345, written: 1_234_567_890, seen: 1_234_567_890 },
  ...{
    writeFailures: 1_234,
    problem: undefined,
    eventsPerSecond: 123_456,
    p50Ms: 1,
    p99Ms: 2,
    maxMs: 3,
    mainBusy: 0.5,
  },
  verdict: { matched: 1, lost: 0, doubled: 0, outOfOrder: 0, wrongContent: 0, unexpected: 0, appliedUnanswered: 12 },
  shardBusy: [0.1, undefined],
  leases: { held: 1_000_000, lostHere: 0, lostOnServer: 0, keysMissing: 0, firstEnd: undefined },
  leasesGrantedMs: 23_456,
};

const LONG = `shard 0: connection lost: ${'the endpoint http://a-host-with-a-very-long-name.example.org:2379 '.repeat(3)}${'x'.repeat(250)}`;

/** The names at the beginnings of the last lines on the screen. */
function blockOf(terminal: FakeTerminal): (string | undefined)[] {
  return terminal.text
    .trimEnd()
    .split('\n')
    .slice(-NAMES.length)
    .map((line) => NAMES.find((name) => line.startsWith(`${name} `)));
}

describe('the demo on a terminal', () => {
  it.each(WIDTHS)('keeps within %i columns, its bars whole and its texts above them', (columns) => {
    const terminal = new FakeTerminal(columns);
    const view = new TerminalView(outputOn(terminal), 20, true);
    view.note('an etcd in this process serves at http://127.0.0.1:43210');
    for (let second = 1; second <= 20; second += 1) {
      view.frame(frame(second, second * 123_456));
      expect(blockOf(terminal)).toEqual(NAMES);
      view.tick(second + 0.4);
      view.note(`note ${String(second)}. ${second % 5 === 0 ? LONG : 'short'}`);
      expect(blockOf(terminal)).toEqual(NAMES);
      expect(terminal.isCursorHidden).toBe(true);
      // Of each bar one: none was left behind.
      expect(terminal.text.match(/^time /gmu)).toHaveLength(1);
    }
    view.note('writing has stopped; waiting for the last events');
    view.summary(summary);
    expect(terminal.isCursorHidden).toBe(false);
    expect(terminal.wrapped).toEqual([]);
    expect(terminal.beyondTop).toBe(0);
    const { text } = terminal;
    for (let second = 1; second <= 20; second += 1) expect(text).toContain(`note ${String(second)}. `);
    expect(text).toContain('time     [');
    expect(text.split('\n').every((line) => line.length < columns)).toBe(true);
    expect(text.replace(/\s+/gu, ' ')).toContain('check passed: each of 1,234,567,890 writes was seen exactly once');
  });

  it('draws itself anew in a terminal that becomes narrower and wider', () => {
    const terminal = new FakeTerminal(120);
    const view = new TerminalView(outputOn(terminal), 20, false);
    view.note('before');
    for (const [place, columns] of [80, 40, 57, 200, 41, 120].entries()) {
      view.frame(frame(place + 1, 1_000));
      terminal.resize(columns);
      expect(blockOf(terminal), String(columns)).toEqual(NAMES);
      expect(terminal.text.match(/^time /gmu), String(columns)).toHaveLength(1);
      view.note(`resized to ${String(columns)}`);
    }
    expect(terminal.text).toMatch(/^before\nresized to 80\nresized to 40\n/u);
    expect(terminal.wrapped).toEqual([]);
  });

  it('draws by the size that the terminal has, though it was not told of the change yet', () => {
    const terminal = new FakeTerminal(120);
    const screen = { columns: 120, rows: 24, getWindowSize: (): [number, number] => [terminal.columns, 24] };
    const block = new LiveBlock({ ...screen, on: () => undefined, off: () => undefined } as never, terminal.write);
    block.draw(() => ['x'.repeat(100), 'y']);
    terminal.resize(40);
    block.draw((columns) => ['z'.repeat(columns), 'y']);
    expect(terminal.text).toBe(`${'z'.repeat(39)}\ny\n`);
    expect(terminal.wrapped).toEqual([]);
  });

  it('shows the first lines where there are fewer rows than lines', () => {
    const terminal = new FakeTerminal(80, 5);
    const view = new TerminalView(outputOn(terminal), 20, false);
    for (let second = 1; second <= 5; second += 1) view.frame(frame(second, 1));
    expect(terminal.beyondTop).toBe(0);
    expect(terminal.text.trimEnd().split('\n')).toHaveLength(4);
  });
});

describe('a block of lines on a terminal', () => {
  it('vanishes when it is cleared, and the cursor comes back', () => {
    const terminal = new FakeTerminal(40);
    const block = new LiveBlock(terminal as never, terminal.write);
    block.draw(() => ['one', 'two']);
    block.log('text');
    block.clear();
    expect(terminal.text).toBe('text\n');
    expect(terminal.isCursorHidden).toBe(false);
    expect(terminal.listenerCount('resize')).toBe(0);
  });

  it('has bars of the width asked for, whatever the share is', () => {
    for (const share of [-1, 0, 0.004, 0.5, 0.999, 1, 7]) expect(barText(share, 8)).toHaveLength(10);
    expect(barText(0.5, 8)).toBe('[====----]');
    expect(barText(0.5, 0)).toBe('');
  });

  it('breaks text between words, and words that are too long', () => {
    expect(wrapText('a bc def', 4)).toEqual(['a bc', 'def']);
    expect(wrapText('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
    expect(wrapText('one\n\ntwo', 10)).toEqual(['one', '', 'two']);
  });
});

describe('the seconds of the demo', () => {
  it('are told once each, in order, though the process slept through some', () => {
    for (const steps of [[0.2, 0.99, 1, 1.01, 1.9, 2.0001, 3], [0.9, 2.7, 5.2], [10.5]]) {
      const told: number[] = [];
      for (const elapsed of steps) told.push(...secondsToTell(told.length, elapsed, 5));
      expect(told).toEqual(Array.from({ length: told.length }, (_, place) => place + 1));
      expect(told).toHaveLength(Math.min(5, Math.floor(steps.at(-1) ?? 0)));
    }
  });
});
