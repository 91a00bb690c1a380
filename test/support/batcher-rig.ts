/** A batcher with a clock of the test's own, and what it posts. Needs vitest's fake timers. */
import { globalTimers } from './global-timers.js';
import { vi } from 'vitest';
import type { ShardLimits, ShardReport } from '../../src/wire/contract.js';
import { openBatch } from '../../src/wire/open-batch.js';
import { Batcher } from '../../src/workers/batch/batcher.js';

const LIMITS: ShardLimits = {
  creditBytes: 1_000_000,
  maxRevisionBytes: 1 << 20,
  flushBytes: 10_000,
  flushEvents: 50,
  flushIntervalMs: 5,
};

export class BatcherRig {
  now = 0;
  /** How long each rest was to be. */
  readonly rests: number[] = [];
  creating = false;
  readonly posted: ShardReport[] = [];
  readonly turns: string[] = [];
  readonly batcher: Batcher;

  /** `thread`: resting takes its time at once, as sleeping does, or leaves it to others. */
  constructor(limits: Partial<ShardLimits> = {}, thread: 'own' | 'shared' = 'shared') {
    this.batcher = new Batcher({
      limits: { ...LIMITS, ...limits },
      now: () => this.now,
      post: (report) => void this.posted.push(report),
      onStall: () => void this.turns.push('stall'),
      onResume: () => void this.turns.push('resume'),
      timers: globalTimers,
      creating: () => this.creating,
      rest: (ms, rested) => {
        this.rests.push(ms);
        if (thread === 'own') this.now += ms;
        const timer = setTimeout(rested, thread === 'own' ? 0 : ms);
        return () => clearTimeout(timer);
      },
    });
  }

  /** Appends events as a decoder would. */
  append(count = 1, bytes = 10): void {
    const { writer } = this.batcher;
    for (let index = 0; index < count; index += 1) {
      writer.columns.modRevision[writer.eventCount] = 1;
      writer.addRegion(new Uint8Array(bytes), 0, bytes);
      writer.keepEvent();
    }
    writer.endSegment(1, 1, 0);
    this.batcher.appended();
  }

  advance(ms: number): void {
    this.now += ms;
    vi.advanceTimersByTime(ms);
  }

  kinds(): string[] {
    return this.posted.map(({ kind }) => kind);
  }

  batchEvents(): number[] {
    return this.posted.flatMap((report) => (report.kind === 'batch' ? [openBatch(report.bytes).eventCount] : []));
  }

  batchBytes(): number {
    return this.posted.reduce((sum, report) => sum + (report.kind === 'batch' ? report.bytes.length : 0), 0);
  }
}
