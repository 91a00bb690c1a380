/**
 * A watch engine of a shard over the scripted watch server, with a clock of the test's own, and what main would see of it:
 * every watch's deliveries, checked as they come. Needs vitest's fake timers.
 */
import { NO_TOKENS, type TokenSource } from '../../src/member/token-source.js';
import { globalTimers } from './global-timers.js';
import { vi } from 'vitest';
import type { KnownRevision, ShardLimits, ShardReport, ShardStatus, WatchSpec } from '../../src/wire/contract.js';
import { errorFromPlain, type EtcdError } from '../../src/wire/errors.js';
import { EVENT_DELETE, SEGMENT_PROGRESS } from '../../src/wire/event-batch.js';
import { openBatch } from '../../src/wire/open-batch.js';
import { MemberHealth } from '../../src/member/member-health.js';
import { Batcher } from '../../src/workers/batch/batcher.js';
import { StoreGuard } from '../../src/member/store-guard.js';
import { leaveUnread } from '../../src/workers/rest.js';
import type { ShardContext } from '../../src/workers/shard-context.js';
import { WatchEngine } from '../../src/workers/watch/watch-engine.js';
import type { FakeWatchServer } from './fake-watch-server.js';

export interface SeenEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

/** What main has seen of one watch. */
export class SeenWatch {
  readonly spec: WatchSpec;
  readonly events: SeenEvent[] = [];
  /** The number of the batch segment that each event came in. */
  readonly segments: number[] = [];
  /** Inclusive; 0 before it was created. */
  startRevision: number;
  createdCount = 0;
  /** The highest revision below which everything is said to have been delivered. */
  bookmark = 0;
  ended: { readonly error: EtcdError | undefined } | undefined;

  constructor(spec: WatchSpec) {
    this.spec = spec;
    this.startRevision = spec.startRevision;
  }

  get lastRevision(): number {
    return this.events.at(-1)?.modRevision ?? 0;
  }
}

export const TEST_LIMITS: ShardLimits = {
  creditBytes: 1 << 20,
  maxRevisionBytes: 1 << 20,
  flushBytes: 4096,
  flushEvents: 100,
  flushIntervalMs: 2,
};

export class WatchEngineRig {
  readonly engine: WatchEngine;
  readonly batcher: Batcher;
  readonly guard = new StoreGuard(undefined);
  readonly seen = new Map<number, SeenWatch>();
  /** How far main knows the store to be; told with each watch. */
  known: KnownRevision | undefined;
  readonly statuses: ShardStatus[] = [];
  readonly reports: ShardReport[] = [];
  readonly context: ShardContext;
  /** Called when main is told that a watch has everything below this revision. */
  onBookmark: (watch: SeenWatch, nextRevision: number) => void = () => undefined;
  /** Bytes received and not credited. */
  owedBytes = 0;
  now = 1000;
  #segment = 0;

  constructor(server: FakeWatchServer, limits: Partial<ShardLimits> = {}, tokens: TokenSource = NO_TOKENS) {
    this.context = {
      shard: 0,
      settings: {
        endpoints: server.endpoints,
        tls: undefined,
        transport: 'http2',
        connectTimeoutMs: 1000,
        pingIntervalMs: 30_000,
        pingTimeoutMs: 10_000,
        streamWindowBytes: 1 << 20,
        connectionWindowBytes: 1 << 20,
        maxMessageBytes: 1 << 30,
      },
      openConnection: server.open,
      health: new MemberHealth(
        () => this.now,
        () => server.rng.fraction(),
      ),
      metadata: () => tokens.headers(),
      tokens,
      now: () => this.now,
      random: () => server.rng.fraction(),
      timers: globalTimers,
      report: (report) => this.#receive(report),
      status: (status) => this.statuses.push(status),
    };
    const allLimits = { ...TEST_LIMITS, ...limits };
    this.batcher = new Batcher({
      limits: allLimits,
      now: this.context.now,
      post: (report, transfer) => this.#receive(structuredClone(report, { transfer: [...transfer] })),
      onStall: () => this.engine.lanes.pause(),
      onResume: () => this.engine.lanes.resume(),
      timers: globalTimers,
      creating: () => this.engine.lanes.creating,
      rest: leaveUnread(
        { hold: () => this.engine.lanes.hold(), release: () => this.engine.lanes.release() },
        globalTimers,
      ),
    });
    const { context, guard, batcher } = this;
    this.engine = new WatchEngine({ context, guard, batcher, limits: allLimits, firstEndpoint: 0 });
  }

  watch(...specs: readonly WatchSpec[]): void {
    for (const spec of specs) this.seen.set(spec.watch, new SeenWatch(spec));
    this.engine.watch(specs, this.known);
  }

  get(watch: number): SeenWatch {
    const seen = this.seen.get(watch);
    if (seen === undefined) throw new Error(`no watch ${String(watch)}`);
    return seen;
  }

  /** Lets promises and microtasks run, and timers that are due after so many ms. */
  async advance(ms: number): Promise<void> {
    this.now += ms;
    for (let round = 0; round < 6; round += 1) await Promise.resolve();
    vi.advanceTimersByTime(ms);
    for (let round = 0; round < 6; round += 1) await Promise.resolve();
  }

  credit(): void {
    const bytes = this.owedBytes;
    this.owedBytes = 0;
    this.batcher.credit(bytes);
  }

  #receive(report: ShardReport): void {
    this.reports.push(report);
    switch (report.kind) {
      case 'batch':
        this.owedBytes += report.bytes.length;
        this.#open(report.bytes);
        break;
      case 'watch-created':
        for (const [index, watch] of report.watches.entries()) {
          const seen = this.get(watch);
          seen.createdCount += 1;
          seen.startRevision = report.startRevisions[index] ?? 0;
        }
        break;
      case 'watch-ended': {
        const seen = this.get(report.watch);
        if (seen.ended !== undefined) throw new Error(`watch ${String(report.watch)} ended twice`);
        seen.ended = { error: report.error && errorFromPlain(report.error) };
        break;
      }
      case 'bookmarks':
        for (const watch of report.watches) this.#bookmark(this.get(watch), report.nextRevision);
        break;
      default:
    }
  }

  #open(bytes: Uint8Array): void {
    const batch = openBatch(bytes);
    let row = 0;
    for (let segment = 0; segment < batch.segmentCount; segment += 1) {
      const seen = this.get(batch.segmentWatch[segment] ?? 0);
      if (seen.ended !== undefined) throw new Error(`watch ${String(seen.spec.watch)} delivered after its end`);
      if (seen.createdCount === 0 && !seen.spec.resumed) throw new Error('events before watch-created');
      this.#segment += 1;
      for (let count = batch.segmentEvents[segment] ?? 0; count > 0; count -= 1) {
        const text = (start: Uint32Array, length: Uint32Array): string =>
          Buffer.from(batch.heap).toString('latin1', start[row], (start[row] ?? 0) + (length[row] ?? 0));
        const modRevision = batch.modRevision[row] ?? 0;
        if (modRevision < seen.bookmark) throw new Error(`an event below the bookmark ${String(seen.bookmark)}`);
        seen.events.push({
          type: batch.type[row] === EVENT_DELETE ? 'delete' : 'put',
          key: text(batch.keyStart, batch.keyLength),
          value: text(batch.valueStart, batch.valueLength),
          modRevision,
        });
        seen.segments.push(this.#segment);
        row += 1;
      }
      const isProgress = ((batch.segmentFlags[segment] ?? 0) & SEGMENT_PROGRESS) !== 0;
      if (isProgress) this.#bookmark(seen, (batch.segmentRevision[segment] ?? 0) + 1);
    }
    if (row !== batch.eventCount) throw new Error('segments and events disagree');
  }

  #bookmark(seen: SeenWatch, nextRevision: number): void {
    if (nextRevision < seen.bookmark) throw new Error('progress went back');
    seen.bookmark = nextRevision;
    this.onBookmark(seen, nextRevision);
  }
}
