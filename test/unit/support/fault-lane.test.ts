/** How the fault proxy delays and slows what passes, on a clock turned by hand. */
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FaultLane, type LaneFaults } from '../../support/fault-lane.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A lane whose far end notes what is written to it. */
function laneWith(faults: Partial<LaneFaults>): { readonly lane: FaultLane; readonly passed: string[] } {
  const passed: string[] = [];
  const sink = new Socket();
  sink.write = (bytes: string | Uint8Array): boolean => {
    passed.push(String(bytes));
    return true;
  };
  Object.defineProperty(sink, 'writable', { value: true });
  const lane = new FaultLane(new Socket(), sink, () => ({ delayMs: 0, bytesPerSecond: 0, held: false, ...faults }));
  return { lane, passed };
}

it('passes nothing on before its delay is over, and everything then, in order', () => {
  const { lane, passed } = laneWith({ delayMs: 100 });
  lane.push(Buffer.from('a'));
  vi.advanceTimersByTime(50);
  lane.push(Buffer.from('b'));
  vi.advanceTimersByTime(49);
  expect(passed).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(passed).toEqual(['a']);
  vi.advanceTimersByTime(50);
  expect(passed).toEqual(['a', 'b']);
});

it('lets the next chunk wait for as long as the one before takes at the limited rate', () => {
  const { lane, passed } = laneWith({ bytesPerSecond: 1_000 });
  lane.push(Buffer.from('x'.repeat(500)));
  lane.push(Buffer.from('y'));
  expect(passed).toEqual(['x'.repeat(500)]);
  vi.advanceTimersByTime(499);
  expect(passed).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(passed[1]).toBe('y');
});
