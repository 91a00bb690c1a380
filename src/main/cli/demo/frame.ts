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

/** Of the leases held; figures of the last second. */
export interface LeaseFrame {
  readonly held: number;
  readonly lost: number;
  readonly keepAlivesPerSecond: number;
  /** Of the one that runs out first; undefined when none is held. */
  readonly shortestRemainingMs: number | undefined;
}

/** What became of the leases, in etcd's words and in ours. */
export interface LeaseVerdict {
  readonly held: number;
  /** Ended without our doing. */
  readonly lostHere: number;
  /** Not in etcd's list of leases. */
  readonly lostOnServer: number;
  readonly keysMissing: number;
  /** Why the first one ended. */
  readonly firstEnd: string | undefined;
}

/** Figures of the last second, and totals. */
export interface Frame {
  /** The second that has just passed, from 1. Each is told once. */
  readonly second: number;
  readonly elapsedSeconds: number;
  readonly totalSeconds: number;
  readonly eventsPerSecond: number;
  readonly seen: number;
  /** Never below `seen`. */
  readonly written: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Share of one core, 0 to 1. */
  readonly mainBusy: number;
  readonly shards: readonly ShardFrame[];
  /** Undefined where none are held. */
  readonly leases: LeaseFrame | undefined;
}

export interface DemoSummary {
  readonly passed: boolean;
  readonly interrupted: boolean;
  /** On a server of its own, in this process. */
  readonly embedded: boolean;
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
  readonly leases: LeaseVerdict | undefined;
  readonly leasesGrantedMs: number | undefined;
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
