/**
 * All watches of a shard: takes the commands about them, puts each on a stream, and ends it exactly once. The parts that
 * decide or do one thing stand beside it: placing in watch-placement, streams in watch-stream and watch-lane, what streams
 * answer in watch-events, moving between streams in hand-over, delivering in watch-delivery.
 */
import type { KnownRevision, ShardLimits, WatchNumber, WatchSpec } from '../../wire/contract.js';
import { EtcdError, errorToPlain } from '../../wire/errors.js';
import type { Batcher } from '../batch/batcher.js';
import type { StoreGuard } from '../../member/store-guard.js';
import type { ShardContext } from '../shard-context.js';
import { HandOver } from './hand-over.js';
import { Isolation, type CellWatches } from './isolation.js';
import { askStream, ProgressRequests } from './progress-requests.js';
import { WaitingWatches } from './waiting-watches.js';
import { StoreConfirmation } from './store-confirmation.js';
import { TokenRefusals } from './token-refusals.js';
import { countWatches, type WatchCounts } from './watch-counts.js';
import { WatchDelivery } from './watch-delivery.js';
import { WatchEntry } from './watch-entry.js';
import { WatchEvents } from './watch-events.js';
import { WatchLane } from './watch-lane.js';
import { WatchLanes } from './watch-lanes.js';
import type { WatchLaneName } from './watch-lanes.js';
import { chooseLane, LAGGED_REPLAYS } from './watch-placement.js';
import type { WatchStream } from './watch-stream.js';

/**
 * How often idle watches of a live stream are brought forward, so that their resume revision is not compacted away, and silent streams
 * are looked for.
 */
const PROGRESS_MS = 60_000;

export interface WatchEngineOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly batcher: Batcher;
  readonly limits: ShardLimits;
  readonly firstEndpoint: number;
}

export class WatchEngine {
  readonly lanes: WatchLanes;
  readonly #options: WatchEngineOptions;
  readonly #entries = new Map<WatchNumber, WatchEntry>();
  readonly #waiting = new WaitingWatches();
  /** Lagged consumers' watches that are being replayed. */
  readonly #laggedReplays = new Set<WatchEntry>();
  readonly #progress: ProgressRequests;
  readonly #isolation: Isolation;
  readonly #handOver: HandOver;
  readonly #events: WatchEvents;
  readonly #confirmation: StoreConfirmation;
  readonly #tokenRefusals: TokenRefusals;
  #lastId = 0;
  #isClosed = false;
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(options: WatchEngineOptions) {
    this.#options = options;
    const { batcher, context, guard, limits } = options;
    this.#progress = new ProgressRequests({
      timers: context.timers,
      postInOrder: (report) => {
        batcher.postInOrder(report);
      },
      ask: (entry) => askStream(entry, this.lanes),
    });
    this.#tokenRefusals = new TokenRefusals(context, this);
    this.#events = new WatchEvents({
      context,
      guard,
      batcher,
      tokenRefusals: this.#tokenRefusals,
      delivery: new WatchDelivery({ batcher, limits, timers: context.timers }),
      progress: this.#progress,
      watches: this,
    });
    this.lanes = new WatchLanes((lane) => this.#makeLane(lane));
    this.#confirmation = new StoreConfirmation({
      context,
      guard,
      lanes: this.lanes,
      onReset: (endpoint) => {
        this.#events.storeReset(endpoint);
      },
    });
    this.#isolation = new Isolation({
      lanes: this.lanes,
      now: context.now,
      makeLane: (watches, fragments) => this.#makeLane('catch-up', watches, fragments),
    });
    this.#handOver = new HandOver({
      context,
      guard,
      lanes: this.lanes,
      fill: () => this.#fill(),
      settle: (entry) => this.#events.settle(entry),
      caughtUp: (entry) => this.replayEnded(entry),
      mayMove: (entry) => this.#isolation.mayMove(entry),
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many watches had to be created again because their stream was lost. */
  get resumes(): number {
    return this.#events.resumes;
  }

  counts(): WatchCounts {
    return countWatches(this.#entries.values(), this.lanes);
  }

  /** @param known the highest revision that main has seen of the store. */
  watch(specs: readonly WatchSpec[], known?: KnownRevision): void {
    if (known !== undefined) this.#options.guard.learn(known);
    for (const spec of specs) {
      const entry = new WatchEntry(spec);
      this.#entries.set(spec.watch, entry);
      const { stream } = this.lanes.named(this.#laneFor(entry));
      if (stream === undefined) this.#place(entry);
      else this.#create(entry, stream);
    }
    this.#fill();
    this.#progressTimer ??= this.#options.context.timers.setInterval(() => {
      // A stream that is given up may make lanes.
      for (const lane of [...this.lanes.all]) lane.dropSilent();
      if (this.lanes.live.trustsProgress) this.lanes.live.stream?.requestProgress();
    }, PROGRESS_MS);
  }

  unwatch(watches: readonly WatchNumber[]): void {
    for (const watch of watches) {
      const entry = this.#entries.get(watch);
      if (entry !== undefined) this.end(entry, undefined);
    }
    this.#handOver.schedule();
  }

  detach(watches: readonly WatchNumber[]): void {
    for (const watch of watches) {
      const entry = this.#entries.get(watch);
      if (entry === undefined || entry.state.at === 'detached') continue;
      // Before its creation a watch from «now» has no revision to come back to: it is detached as soon as it has one.
      if (entry.next === 0) entry.detachWhenCreated = true;
      else this.detachNow(entry);
    }
    this.#fill();
    this.#handOver.schedule();
  }

  attach(watches: readonly WatchNumber[]): void {
    for (const watch of watches) {
      const entry = this.#entries.get(watch);
      if (entry !== undefined) entry.detachWhenCreated = false;
      if (entry?.state.at !== 'detached') continue;
      entry.lagged = true;
      entry.enter({ at: 'waiting' });
      this.#place(entry);
    }
    this.#fill();
  }

  requestProgress(requestId: number, watch: WatchNumber, timeoutMs: number): void {
    const entry = this.#entries.get(watch);
    if (entry !== undefined) this.#progress.start(requestId, entry, timeoutMs);
    else this.#progress.refuse(requestId, new EtcdError('the watch has ended', { code: 'closed' }));
  }

  /** New endpoints or credentials: every stream that they would not make as it is is replaced by one made with them. */
  settingsChanged(firstEndpoint: number): void {
    this.lanes.settingsChanged(firstEndpoint);
    this.#handOver.schedule();
  }

  /** The engine is another user: every stream is replaced by one that was opened as that. */
  userChanged(): void {
    for (const lane of this.lanes.all) lane.renewStream();
    this.#handOver.schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#tokenRefusals.close();
    this.#options.context.timers.clear(this.#progressTimer);
    this.#confirmation.close();
    this.#handOver.close();
    this.#progress.close();
    this.lanes.close();
    this.#entries.clear();
  }

  /** Ends a watch, with the error that main is told or because main asked. */
  end(entry: WatchEntry, error: EtcdError | undefined): void {
    this.#leaveStreams(entry);
    this.#isolation.release(entry);
    entry.enter({ at: 'ended' });
    this.#entries.delete(entry.spec.watch);
    this.#events.forget(entry);
    this.#progress.watchEnded(entry);
    this.#options.batcher.postInOrder({
      kind: 'watch-ended',
      watch: entry.spec.watch,
      error: error && errorToPlain(error),
    });
  }

  /** Ends every watch that refers to revisions of a store that is gone. */
  endAllFrom(error: EtcdError): void {
    for (const entry of [...this.#entries.values()]) if (entry.next > 0) this.end(entry, error);
  }

  /** Takes a watch off its streams; the next sweep finds it another. */
  wait(entry: WatchEntry): void {
    this.#leaveStreams(entry);
    entry.enter({ at: 'waiting' });
    this.#place(entry);
    this.#handOver.schedule();
  }

  /**
   * Its member shows less than was known when the watch was asked for: it lags, or the store went backwards. Which of both is
   * found out before the watch is created again, or it would be silent until a new store has come as far as the old one.
   */
  waitForMember(entry: WatchEntry, stream: WatchStream): void {
    this.keepOff(entry);
    void this.#confirmation
      .confirm(stream, entry.spec.key)
      .then(() => this.#options.context.timers.queueMicrotask(() => this.placeAll([entry])));
  }

  /** Takes a watch off its streams until its consumer reads again. */
  detachNow(entry: WatchEntry): void {
    this.#leaveStreams(entry);
    this.#isolation.release(entry);
    entry.enter({ at: 'detached' });
    this.#events.forget(entry);
  }

  /** Takes a watch off its streams, to be placed when its time has come. */
  keepOff(entry: WatchEntry): void {
    this.#leaveStreams(entry);
    entry.enter({ at: 'waiting' });
  }

  /** Puts these on streams, if they still wait. */
  placeAll(entries: Iterable<WatchEntry>): void {
    if (this.#isClosed) return;
    for (const entry of entries) if (entry.state.at === 'waiting') this.#place(entry);
    this.#fill();
    this.#handOver.schedule();
  }

  /** A replay that has come to its end makes room for the next one. */
  replayEnded(entry: WatchEntry): void {
    entry.lagged = false;
    if (this.#laggedReplays.delete(entry)) this.#fill();
  }

  /** It was created on the live stream, where it stays. */
  arrived(entry: WatchEntry): void {
    this.#isolation.returned(entry);
    if (entry.lagged) this.replayEnded(entry);
  }

  /** A watch was created on a stream that it will leave again. */
  willMove(entry: WatchEntry): void {
    this.#isolation.created(entry);
    this.#handOver.schedule();
  }

  settling(entry: WatchEntry): void {
    this.#handOver.settling(entry);
  }

  /** A stream has ended in a way that one of these may have caused: they are tried apart. */
  isolate(suspects: readonly WatchEntry[], stream: WatchStream, isCertain: boolean): void {
    this.#isolation.halve(suspects, stream.fragments, isCertain);
    this.#handOver.schedule();
  }

  /** Its stream ended as it would again and again. */
  endAlone(entry: WatchEntry, error: EtcdError): void {
    this.end(entry, error);
    this.#isolation.endedAlone();
  }

  /** It stays where it is for a while. */
  delayMove(entry: WatchEntry): void {
    this.#isolation.delayMove(entry);
  }

  /** One of the two lanes, or one for these watches alone. */
  #makeLane(lane: WatchLaneName, isolated?: CellWatches, fragments = false): WatchLane {
    const { context, guard, firstEndpoint } = this.#options;
    const made: WatchLane = new WatchLane({
      lane,
      fragments,
      context,
      guard,
      firstEndpoint,
      drawId: () => ++this.#lastId,
      streamHooks: this.#events,
      probeKey: () => this.#probeKey(),
      onOpen: () => {
        this.#fill();
        this.#handOver.schedule();
      },
      onLost: (stream, loss) => {
        this.#events.lost(lane, stream, loss);
      },
      onHopeless: (error) => {
        for (const entry of isolated === undefined ? this.#waiting.ofLane(lane) : [...isolated.waiting])
          this.end(entry, error);
      },
      onReached: (endpoint, storeReset) => {
        this.#confirmation.seen(endpoint, storeReset);
      },
      waiting: () => (isolated === undefined ? this.#waiting.countOf(lane) : isolated.waiting.size),
      othersOpenSince: () => this.lanes.openSince(made),
      isApart: isolated !== undefined,
      isServerSuspected: () => isolated !== undefined && this.#isolation.isServerSuspected,
    });
    return made;
  }

  /** A key that is watched here, so one that this user may read. */
  #probeKey(): Uint8Array {
    for (const entry of this.#entries.values()) return entry.spec.key;
    return Uint8Array.of(0);
  }

  #place(entry: WatchEntry): void {
    if (this.#isolation.place(entry)) return;
    const lane = this.#laneFor(entry);
    this.#waiting.add(entry, entry.lagged ? 'lagged' : lane);
    this.lanes.named(lane).want();
  }

  #laneFor(entry: WatchEntry): WatchLaneName {
    return chooseLane(entry.next, this.#options.guard.revision, entry.lagged);
  }

  /** Puts waiting watches on streams that are open; returns how many still wait. */
  #fill(): number {
    for (const [entry, stream] of this.#isolation.placeable()) this.#create(entry, stream);
    for (const from of ['live', 'catch-up'] as const) {
      if (this.lanes.named(from).stream === undefined) continue;
      for (const entry of this.#waiting.of(from)) {
        // Chosen again: the store's revision may have become known only with this stream.
        const lane = this.#laneFor(entry);
        const { stream } = this.lanes.named(lane);
        if (stream !== undefined) {
          this.#waiting.delete(entry);
          this.#create(entry, stream);
        } else if (lane !== from) this.#place(entry);
      }
    }
    const { stream } = this.lanes.catchUp;
    if (stream !== undefined) {
      for (const entry of this.#waiting.of('lagged')) {
        if (this.#laggedReplays.size >= LAGGED_REPLAYS) break;
        this.#waiting.delete(entry);
        this.#create(entry, stream);
      }
    }
    return this.#waiting.size;
  }

  #create(entry: WatchEntry, stream: WatchStream): void {
    this.#isolation.unplace(entry);
    if (entry.lagged && this.lanes.catchUp.stream === stream) this.#laggedReplays.add(entry);
    this.#setFloor(entry);
    entry.enter({ at: 'creating', on: { stream, streamWatchId: stream.create(entry, entry.next) } });
  }

  /** Once for each store: asked for again, a watch from now on still begins when it was asked for first. */
  #setFloor(entry: WatchEntry): void {
    const { guard } = this.#options;
    if (entry.next !== 0 || entry.floorRestarts === guard.restarts) return;
    entry.floor = guard.revision;
    entry.floorRestarts = guard.restarts;
  }

  #leaveStreams(entry: WatchEntry): void {
    const { state } = entry;
    this.#waiting.delete(entry);
    this.#tokenRefusals.forget(entry);
    this.#isolation.unplace(entry);
    this.#laggedReplays.delete(entry);
    if (state.at === 'creating' || state.at === 'active') state.on.stream.cancelWatch(state.on.streamWatchId);
    if (state.at === 'moving' || state.at === 'settling') {
      state.from.stream.cancelWatch(state.from.streamWatchId);
      state.to.stream.cancelWatch(state.to.streamWatchId);
    }
  }
}
