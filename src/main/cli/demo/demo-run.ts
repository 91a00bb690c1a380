/**
 * The demo proper: watches many ranges in one group, has a writer write into them, and holds what arrives against what was
 * written. Main thread; owns the group and the writer's process, not the engine.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Etcd, GroupBatch, WatchGroup } from '../../index.js';
import { EtcdError } from '../../../wire/errors.js';
import { unlessStopped, type Stop } from '../stop.js';
import { DemoLeases, leaseProblem } from './demo-leases.js';
import type { DemoSummary, DemoView, Frame, LeaseVerdict } from './frame.js';
import { milliseconds } from './figures.js';
import { LatencyHistogram } from './latency-histogram.js';
import { isFaultless, Ledger, NO_NUMBER } from './ledger.js';
import { MainThreadBusy } from './main-thread-busy.js';
import { demoKeyIndex, nowUs, rangePrefix, readStamp, type DemoKeys, type WriterStart } from './messages.js';
import { secondsToTell } from './seconds.js';
import { ShardFigures } from './shard-figures.js';
import { eachWrite, WriterLink, type WriterEnd } from './writer-link.js';

export interface DemoSettings {
  readonly keys: DemoKeys;
  readonly seconds: number;
  readonly writer: WriterStart;
  readonly shards: number | 'inline';
  readonly transport: string;
  /** Leases to hold; 0 for none. */
  readonly leases: number;
  /** The server is the demo's own and ends with it: what is left in it does not matter. */
  readonly ownsServer: boolean;
}

const TICK_MS = 200;
const SECOND_MS = 1_000;
/** The writes are over: when no event has come for so long, none will. */
const SILENCE_MS = 10_000;
const PROGRESS_TIMEOUT_MS = 5_000;

/** What came of the time under load. */
interface LoadFigures {
  readonly elapsedMs: number;
  readonly eventsPerSecond: number;
  readonly mainBusy: number;
  readonly wasInterrupted: boolean;
}

export class DemoRun {
  readonly #etcd: Etcd;
  readonly #settings: DemoSettings;
  readonly #view: DemoView;
  readonly #ledger: Ledger;
  readonly #latency = new LatencyHistogram();
  readonly #secondLatency = new LatencyHistogram();
  readonly #busy = new MainThreadBusy();
  readonly #shards: ShardFigures;
  #leases: DemoLeases | undefined;
  #problem: string | undefined;
  #isServerAway = false;
  #etcdVersion: string | undefined;
  #lastSeen = 0;
  #lastFrameMs = 0;

  constructor(etcd: Etcd, settings: DemoSettings, view: DemoView) {
    this.#etcd = etcd;
    this.#settings = settings;
    this.#view = view;
    this.#ledger = new Ledger(settings.keys.ranges, settings.keys.keysPerRange);
    this.#shards = new ShardFigures(etcd);
  }

  /**
   * Runs until its time is over or it is stopped, then checks. Whatever ends it, nothing writes any more then and no lease is held.
   *
   * @throws EtcdError `aborted` where it was stopped before there was anything to check, and at `stop.hurry`.
   */
  async run(stop: Pick<Stop, 'signal' | 'hurry'>): Promise<DemoSummary> {
    void this.#followStatus();
    const { keys } = this.#settings;
    const group = this.#etcd.watchGroup({
      name: 'demo',
      onBatch: (batch) => this.#receive(batch),
      onEnd: (member, end) => {
        if (end.reason !== 'cancelled') this.#problem ??= `watch ${String(member.watchId)} ended: ${end.error.message}`;
      },
    });
    try {
      const createdMs = await unlessStopped(this.#createWatches(group), stop.signal);
      await this.#openLeases(stop);
      this.#view.note(`${String(keys.ranges)} ranges are watched; writing for ${String(this.#settings.seconds)} s`);
      const link = new WriterLink(this.#settings.writer, (rows) => this.#written(rows));
      try {
        await unlessStopped(link.ready, stop.hurry);
        const load = await this.#underLoad(link, stop.signal);
        return await unlessStopped(this.#conclude(group, link, createdMs, load), stop.hurry);
      } finally {
        await link.close();
      }
    } finally {
      // Where the server is away they run out by themselves.
      await this.#leases?.close(this.#settings.ownsServer || this.#isServerAway).catch(() => undefined);
      await group.close();
    }
  }

  async #createWatches(group: WatchGroup): Promise<number> {
    const startMs = performance.now();
    for (let range = 0; range < this.#settings.keys.ranges; range += 1) {
      group.add({ prefix: rangePrefix(this.#settings.keys, range) }, { watchId: BigInt(range) });
    }
    await group.ready();
    if (this.#problem !== undefined || group.size < this.#settings.keys.ranges)
      throw new EtcdError(this.#problem ?? 'a watch ended before the demo began', { code: 'unavailable' });
    return performance.now() - startMs;
  }

  async #openLeases(stop: Pick<Stop, 'signal' | 'hurry'>): Promise<void> {
    const { leases, keys } = this.#settings;
    if (leases === 0) return;
    // Outside of the watched ranges: their keys are not part of the writer's list.
    this.#leases = await DemoLeases.open(this.#etcd, leases, `${keys.prefix}lease/`, stop);
    this.#view.note(`${String(leases)} leases are held, granted in ${milliseconds(this.#leases.grantedMs)}`);
  }

  async #checkLeases(): Promise<LeaseVerdict | undefined> {
    try {
      const verdict = await this.#leases?.verify();
      if (verdict !== undefined) this.#problem ??= leaseProblem(verdict);
      return verdict;
    } catch (error) {
      this.#isServerAway = true;
      this.#problem ??= `the leases could not be checked: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    }
  }

  /** Shows how it fares, each second once. */
  async #underLoad(link: WriterLink, signal: AbortSignal): Promise<LoadFigures> {
    this.#busy.take();
    await this.#shards.take();
    const { seconds } = this.#settings;
    const startMs = performance.now();
    this.#lastFrameMs = startMs;
    const busyShares: number[] = [];
    let told = 0;
    while (told < seconds && !signal.aborted && !link.hasEnded && this.#problem === undefined) {
      const untilNextMs = startMs + (told + 1) * SECOND_MS - performance.now();
      await sleep(Math.min(TICK_MS, Math.max(1, untilNextMs)), undefined, { signal }).catch(() => undefined);
      link.seen(this.#ledger.seenCount);
      const elapsedSeconds = (performance.now() - startMs) / SECOND_MS;
      this.#view.tick(elapsedSeconds);
      const passed = secondsToTell(told, elapsedSeconds, seconds);
      if (passed.length === 0) continue;
      const frame = await this.#frame(elapsedSeconds);
      busyShares.push(frame.mainBusy);
      // A second that this thread slept through has the figures of the whole pause.
      for (const second of passed) this.#view.frame({ ...frame, second });
      told += passed.length;
    }
    const elapsedMs = performance.now() - startMs;
    if (busyShares.length === 0) busyShares.push(this.#busy.take());
    return {
      elapsedMs,
      eventsPerSecond: (this.#ledger.seenCount / elapsedMs) * SECOND_MS,
      mainBusy: busyShares.reduce((sum, share) => sum + share, 0) / busyShares.length,
      wasInterrupted: signal.aborted,
    };
  }

  /** Stops the writing, waits for the last events, and checks. */
  async #conclude(group: WatchGroup, link: WriterLink, createdMs: number, load: LoadFigures): Promise<DemoSummary> {
    this.#view.note('writing has stopped; waiting for the last events');
    const writerEnd = await link.stop();
    await this.#drain();
    await this.#flush(group);
    const leases = await this.#checkLeases();
    this.#view.settle();
    const verdict = this.#ledger.verdict();
    this.#judgeWriter(writerEnd);
    return {
      passed: this.#problem === undefined && isFaultless(verdict),
      interrupted: load.wasInterrupted,
      embedded: this.#settings.ownsServer,
      etcdVersion: this.#etcdVersion,
      transport: this.#settings.transport,
      ranges: this.#settings.keys.ranges,
      shards: this.#settings.shards,
      seconds: load.elapsedMs / SECOND_MS,
      watchesCreatedMs: createdMs,
      // A write whose answer was lost and whose event came was a write, too.
      written: this.#ledger.writtenCount + verdict.appliedUnanswered,
      seen: this.#ledger.seenCount,
      writeFailures: writerEnd.refused,
      problem: this.#problem,
      verdict,
      eventsPerSecond: load.eventsPerSecond,
      p50Ms: this.#latency.percentileMs(0.5),
      p99Ms: this.#latency.percentileMs(0.99),
      maxMs: this.#latency.maxMs,
      mainBusy: load.mainBusy,
      shardBusy: this.#shards.averages(),
      leases,
      leasesGrantedMs: this.#leases?.grantedMs,
    };
  }

  #judgeWriter({ broken, lastError }: WriterEnd): void {
    if (broken) this.#problem ??= `the writer failed: ${lastError ?? 'no reason given'}`;
    if (this.#ledger.writtenCount === 0 && lastError !== undefined)
      this.#problem ??= `nothing was written: ${lastError}`;
  }

  /** The hot path: all that arrived together. */
  #receive(batch: GroupBatch): void {
    const arrivedUs = nowUs();
    const { keys } = this.#settings;
    for (const part of batch) {
      const range = Number(part.watchId);
      for (const event of part.events) {
        const key = demoKeyIndex(keys, range, event.key);
        const revision = Number(event.modRevision);
        if (event.type === 'delete') {
          this.#ledger.seen(key, revision, NO_NUMBER);
          continue;
        }
        const { sentUs, number } = readStamp(event.value);
        this.#ledger.seen(key, revision, number);
        this.#latency.add(arrivedUs - sentUs);
        this.#secondLatency.add(arrivedUs - sentUs);
      }
    }
  }

  #written(rows: Float64Array): void {
    eachWrite(rows, (key, revision, number, isUnanswered) => {
      if (isUnanswered) this.#ledger.unanswered(key, number);
      else this.#ledger.written(key, revision, number);
    });
  }

  async #frame(elapsedSeconds: number): Promise<Omit<Frame, 'second'>> {
    const now = performance.now();
    const seen = this.#ledger.seenCount;
    const eventsPerSecond = ((seen - this.#lastSeen) / (now - this.#lastFrameMs)) * SECOND_MS;
    this.#lastSeen = seen;
    this.#lastFrameMs = now;
    const mainBusy = this.#busy.take();
    const [p50Ms, p99Ms] = [this.#secondLatency.percentileMs(0.5), this.#secondLatency.percentileMs(0.99)];
    this.#secondLatency.clear();
    const shards = await this.#shards.take();
    return {
      elapsedSeconds,
      totalSeconds: this.#settings.seconds,
      eventsPerSecond,
      seen,
      // What was seen was written, though the writer's word of it may still be on its way.
      written: Math.max(seen, this.#ledger.writtenCount),
      p50Ms,
      p99Ms,
      mainBusy,
      shards,
      leases: this.#leases?.frame(this.#shards.keepAlives),
    };
  }

  /** Waits until each write has been seen, as long as events come. */
  async #drain(): Promise<void> {
    let seen = this.#ledger.seenCount;
    let sinceMs = performance.now();
    while (this.#ledger.outstanding > 0 && performance.now() - sinceMs < SILENCE_MS && this.#problem === undefined) {
      await sleep(20);
      if (this.#ledger.seenCount === seen) continue;
      seen = this.#ledger.seenCount;
      sinceMs = performance.now();
    }
  }

  /** Whatever the server sent has arrived after this: an event that came twice has been counted. */
  async #flush(group: WatchGroup): Promise<void> {
    const timeoutMs = Math.min(PROGRESS_TIMEOUT_MS, this.#settings.writer.connect.requestTimeoutMs ?? Infinity);
    const asked = Array.from(group.members(), (member) => member.progress({ timeoutMs }));
    await Promise.allSettled(asked);
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.#etcd.status) {
      if (status.type === 'connected') this.#etcdVersion ??= status.version;
      else if (status.type === 'disconnected')
        this.#view.note(`shard ${String(status.shard)}: connection lost: ${status.error.message}`);
      else if (status.type === 'resumed')
        this.#view.note(`shard ${String(status.shard)}: ${String(status.watches)} watches resumed`);
      else if (status.type === 'shard-replaced')
        this.#view.note(`shard ${String(status.shard)} crashed and was replaced: ${status.error.message}`);
    }
  }
}
