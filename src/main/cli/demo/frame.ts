/** What the demo shows while it runs, and how it ends; made by demo-run.ts, printed by the views. Types only. */
import type { Verdict } from './ledger.js';

export interface ShardFrame {
  readonly shard: number;
  readonly state: string;
  readonly watches: number;
  readonly eventsPerSecond: number;
  /** Share of one core, 0 to 1; undefined when the shard did not answer. */
  readonly busy: number | undefined;
}

/** Figures of the last second, and totals. */
export interface Frame {
  readonly elapsedSeconds: number;
  readonly totalSeconds: number;
  readonly eventsPerSecond: number;
  readonly seen: number;
  readonly written: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Share of one core, 0 to 1. */
  readonly mainBusy: number;
  readonly shards: readonly ShardFrame[];
}

export interface DemoSummary {
  readonly passed: boolean;
  readonly interrupted: boolean;
  readonly etcdVersion: string | undefined;
  readonly transport: string;
  readonly ranges: number;
  readonly shards: number | 'inline';
  readonly seconds: number;
  readonly watchesCreatedMs: number;
  readonly written: number;
  readonly seen: number;
  readonly writeFailures: number;
  readonly problem: string | undefined;
  readonly verdict: Verdict;
  readonly eventsPerSecond: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly maxMs: number;
  readonly mainBusy: number;
  readonly shardBusy: readonly (number | undefined)[];
}

export interface DemoView {
  /** A step, or something that happened. */
  note(text: string): void;
  /** Time that has passed, several times a second. */
  tick(elapsedSeconds: number): void;
  /** Once a second. */
  frame(frame: Frame): void;
  /** Nothing moves any more. */
  settle(): void;
  summary(summary: DemoSummary): void;
}
