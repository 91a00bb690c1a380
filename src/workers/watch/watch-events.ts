/**
 * What happens to a watch when its stream answers, refuses, cancels, is lost, or turns out to serve another store: the
 * transitions of the watch's state that the server causes. (Those that main causes are in watch-engine.)
 */
import { CompactedError, EtcdError } from '../../wire/errors.js';
import { malformed } from '../../wire/proto-reader.js';
import type { Batcher } from '../batch/batcher.js';
import { mayPass } from '../../member/failure.js';
import type { StoreGuard } from '../../member/store-guard.js';
import type { ShardContext } from '../shard-context.js';
import { SETTLE_MS } from './hand-over.js';
import type { StreamLoss } from './lane-failures.js';
import type { ProgressRequests } from './progress-requests.js';
import type { TokenRefusals } from './token-refusals.js';
import type { WatchHead } from './watch-decoder.js';
import type { WatchDelivery } from './watch-delivery.js';
import type { CreatedAttachment, WatchEntry } from './watch-entry.js';
import type { WatchLaneName, WatchLanes } from './watch-lanes.js';
import type { WatchStream, WatchStreamHooks } from './watch-stream.js';

/** A watch whose answers could not be decoded so often is given up, rather than breaking its stream for ever. */
const MALFORMED_LIMIT = 3;

/** A watch that another stream refuses to take over is offered again after twice this, twice as long each time, a minute at most. */
const MOVE_RETRY_MS = 250;
const MOVE_RETRY_DOUBLINGS = 8;

/** A server that goes on cancelling a watch for a compaction that the watch does not need is believed in the end. */
const COMPACTED_LIMIT = 3;

/** What of the engine is needed here. */
export interface Watches {
  readonly lanes: WatchLanes;
  readonly size: number;
  end(entry: WatchEntry, error: EtcdError): void;
  endAllFrom(error: EtcdError): void;
  wait(entry: WatchEntry): void;
  waitForMember(entry: WatchEntry, stream: WatchStream): void;
  detachNow(entry: WatchEntry): void;
  /** It has nothing to replay any more. */
  replayEnded(entry: WatchEntry): void;
  /** Whether its new stream can keep it is to be found out. */
  settling(entry: WatchEntry): void;
  /** It was created on the live stream, where it stays. */
  arrived(entry: WatchEntry): void;
  /** It was created on a stream that it will leave again. */
  willMove(entry: WatchEntry): void;
  /** A stream has ended in a way that one of these may have caused. */
  isolate(suspects: readonly WatchEntry[], stream: WatchStream, isCertain: boolean): void;
  /** Its stream ended as it would again and again. */
  endAlone(entry: WatchEntry, error: EtcdError): void;
  /** Its creation on another lane may have ended the stream there: it stays where it is for a while. */
  delayMove(entry: WatchEntry): void;
}

export interface WatchEventsOptions {
  readonly context: ShardContext;
  readonly guard: StoreGuard;
  readonly batcher: Batcher;
  readonly delivery: WatchDelivery;
  readonly progress: ProgressRequests;
  readonly tokenRefusals: TokenRefusals;
  readonly watches: Watches;
}

export class WatchEvents implements WatchStreamHooks {
  readonly #options: WatchEventsOptions;
  /** Watches that lost their stream and have not been created again. */
  readonly #resuming = new Set<WatchEntry>();
  #resumes = 0;

  constructor(options: WatchEventsOptions) {
    this.#options = options;
  }

  get resumes(): number {
    return this.#resumes;
  }

  /** It has ended or is detached: nothing waits for its creation any more. */
  forget(entry: WatchEntry): void {
    this.#resumed(entry, undefined);
  }

  created(stream: WatchStream, entry: WatchEntry, streamWatchId: number, head: WatchHead): void {
    const { batcher, context, guard, watches } = this.#options;
    const { state } = entry;
    const { live } = watches.lanes;
    entry.tokenRefusals = 0;
    entry.refusedBy = undefined;
    guard.noteAnswer(head, stream.storeRestarts);
    if (state.at !== 'moving' && entry.next === 0) {
      if (head.revision > 0 && head.revision < entry.floor) {
        watches.waitForMember(entry, stream);
        return;
      }
      entry.next = this.#firstRevision(stream, entry, head);
    }
    const { revision: createdRevision } = head;
    const startRevision = state.at === 'moving' ? state.start : entry.next;
    entry.reading = startRevision <= createdRevision ? { stream, sinceMs: context.now() } : undefined;
    const on = { stream, streamWatchId, createdRevision, requestsBefore: stream.progressRequests };
    if (state.at === 'moving') {
      entry.enter({ at: 'settling', from: state.from, to: on, sinceMs: context.now() });
      // From a revision that is still to come no history is needed.
      if (state.start > createdRevision) this.settle(entry);
      else watches.settling(entry);
      return;
    }
    entry.enter({ at: 'active', on });
    if (stream !== live.stream) entry.heardAt = context.now();
    if (!entry.announced) {
      entry.announced = true;
      batcher.created(entry.spec.watch, entry.next);
    }
    this.#resumed(entry, stream);
    if (entry.detachWhenCreated) {
      entry.detachWhenCreated = false;
      watches.detachNow(entry);
    } else if (stream === live.stream) watches.arrived(entry);
    else {
      watches.willMove(entry);
      // From a future revision, too: it may wait here for ever.
      if (entry.next > head.revision) watches.replayEnded(entry);
    }
  }

  /** The new stream of a watch that is handed over brings everything from now on. */
  settle(entry: WatchEntry): void {
    const { state } = entry;
    if (state.at !== 'settling') return;
    state.from.stream.cancelWatch(state.from.streamWatchId);
    this.#moved(entry, state.to);
  }

  refused(stream: WatchStream, entry: WatchEntry, error: EtcdError): void {
    const { state } = entry;
    const { context, tokenRefusals } = this.#options;
    if (tokenRefusals.take(stream, entry, error)) return;
    // Who watches may have lost the permission since, and is to hear of it; without a login it is the members that differ.
    const isRevoked = context.tokens.isUsed && error.code === 'permission-denied';
    if (state.at === 'moving' && !isRevoked) {
      // It goes on where it is; if that stream cannot keep it either, it will say so.
      this.#stay(entry, state.from, error);
    } else {
      this.#waitOrEnd(entry, error);
    }
  }

  canceled(stream: WatchStream, entry: WatchEntry, error: EtcdError): void {
    this.#canceled(stream, entry, error);
    if (!(error instanceof CompactedError) || stream.tellsEveryCompaction) return;
    for (const [streamWatchId, other] of [...stream.attached()]) {
      if (!this.#isSkipped(stream, other, Number(error.compactRevision))) continue;
      stream.cancelWatch(streamWatchId);
      this.#canceled(stream, other, error);
    }
  }

  /**
   * Whether the server may go on with this watch without a word of the history that it has just compacted for another one: it
   * begins on this stream with that, and nothing has shown since that the server had read it before.
   */
  #isSkipped(stream: WatchStream, entry: WatchEntry, compactRevision: number): boolean {
    const { context, watches } = this.#options;
    const { state } = entry;
    if (state.at === 'creating') return entry.next > 0 && entry.next < compactRevision;
    if (state.at === 'moving' && state.to.stream === stream) return state.start < compactRevision;
    if (entry.reading?.stream !== stream || entry.next >= compactRevision) return false;
    const readSince = watches.lanes.ofStream(stream)?.readSince ?? 0;
    return context.now() - Math.max(entry.reading.sinceMs, readSince) < SETTLE_MS;
  }

  #canceled(stream: WatchStream, entry: WatchEntry, error: EtcdError): void {
    const { state } = entry;
    if (state.at !== 'moving' && state.at !== 'settling') this.#waitOrEnd(entry, error);
    else if (state.to.stream === stream) this.#stay(entry, state.from, error);
    else if (state.at === 'settling') this.#moved(entry, state.to);
    else entry.enter({ at: 'creating', on: state.to });
  }

  answered(stream: WatchStream, entry: WatchEntry, head: WatchHead, buffer: Uint8Array, end: number): void {
    const { context, delivery, guard, progress, watches } = this.#options;
    if (entry.reading?.stream === stream) entry.reading = undefined;
    // Its history is there: either its first events, or the server has looked and found nothing.
    if (entry.state.at === 'settling' && entry.state.to.stream === stream) this.settle(entry);
    if (head.eventCount === 0) {
      if (head.fragment) return;
      guard.noteAnswer(head, stream.storeRestarts);
      delivery.progress(entry, head.revision);
      progress.watchReached(entry, head.revision);
      return;
    }
    const { next } = entry;
    let error: EtcdError | undefined;
    try {
      error = delivery.events(entry, head, buffer, end);
    } catch (thrown) {
      this.malformed(stream, entry, thrown);
      throw thrown;
    }
    entry.compactedInVain = 0;
    // A part of a revision is no step forward: the next part may break the stream each time.
    if (entry.next > next) entry.malformed = 0;
    // Not before: what came with events that cannot be read is not believed either.
    guard.noteAnswer(head, stream.storeRestarts);
    if (error !== undefined) watches.end(entry, error);
    else if (stream !== watches.lanes.live.stream) entry.heardAt = context.now();
  }

  /** Counted for the watch and not for its lane, whose other watches go on. */
  malformed(stream: WatchStream, entry: WatchEntry, error: unknown): void {
    const { watches } = this.#options;
    entry.malformed += 1;
    watches.lanes.ofStream(stream)?.excuse();
    if (entry.malformed >= MALFORMED_LIMIT && error instanceof EtcdError) watches.end(entry, error);
  }

  streamProgress(stream: WatchStream, head: WatchHead, request: number): void {
    const { delivery, guard, progress } = this.#options;
    const { revision } = head;
    guard.noteAnswer(head, stream.storeRestarts);
    if (!stream.trustsProgress) return;
    // The answer may overtake, or be overtaken by, the answers to creations sent after the request. It speaks of a watch
    // only if that was created before the request was sent, or if the store has moved on since it was.
    const speaksOf = (on: CreatedAttachment): boolean =>
      on.stream === stream && (on.requestsBefore < request || on.createdRevision < revision);
    const includes = (entry: WatchEntry): boolean =>
      entry.state.at === 'active' && entry.assembly === undefined && speaksOf(entry.state.on);
    for (const entry of stream.entries()) {
      // etcd answers when nobody on the stream is behind, so that it has found the history.
      if (entry.state.at === 'settling' && speaksOf(entry.state.to)) this.settle(entry);
      if (entry.state.at === 'active' && speaksOf(entry.state.on)) entry.reading = undefined;
      if (includes(entry)) delivery.progress(entry, revision);
    }
    progress.reached(revision, includes);
  }

  /** A stream is gone: what was on it waits for the next, or ends where repeating is no use. */
  lost(lane: WatchLaneName, stream: WatchStream, loss: StreamLoss): void {
    const { context, watches } = this.#options;
    if (loss.kind === 'suspicious') watches.isolate(loss.watches, stream, loss.isCertain);
    let resuming = 0;
    for (const entry of [...stream.entries()]) {
      const { state } = entry;
      if (state.at === 'moving') {
        if (state.from.stream === stream) entry.enter({ at: 'creating', on: state.to });
        else {
          entry.enter({ at: 'active', on: state.from });
          if (loss.kind !== 'passing') watches.delayMove(entry);
        }
      } else if (state.at === 'settling') {
        if (state.from.stream === stream) this.#moved(entry, state.to);
        else {
          entry.enter({ at: 'active', on: state.from });
          if (loss.kind !== 'passing') watches.delayMove(entry);
        }
      } else if (loss.kind === 'permanent') {
        watches.endAlone(entry, loss.error);
      } else {
        resuming += 1;
        if (state.at === 'active') this.#resuming.add(entry);
        watches.wait(entry);
      }
    }
    this.#resumes += resuming;
    if (resuming > 0) context.status({ type: 'resuming', lane, watches: resuming });
  }

  storeReset(endpoint: string): void {
    const { context, watches } = this.#options;
    context.status({ type: 'store-reset', endpoint });
    watches.endAllFrom(
      new EtcdError(
        `the store at ${endpoint} went backwards (wiped, restored, or another cluster): ` +
          'read its state again, then watch from there',
        { code: 'reset', endpoint },
      ),
    );
  }

  /**
   * The first revision of a watch from now on: the one after its floor, or the one that its creation was answered with where
   * that is later. Inclusive: the server reads it after it has registered the watch, so events may carry it.
   */
  #firstRevision(stream: WatchStream, entry: WatchEntry, head: WatchHead): number {
    if (head.revision > 0) return Math.max(head.revision, entry.floor + 1);
    // Going on from anywhere else after the stream was lost would replay the whole history, or leave something out.
    const error = malformed('a watch from now on was created without a revision');
    this.malformed(stream, entry, error);
    throw error;
  }

  #resumed(entry: WatchEntry, on: WatchStream | undefined): void {
    if (!this.#resuming.delete(entry) || this.#resuming.size > 0) return;
    const { context, watches } = this.#options;
    const lane = on === undefined ? undefined : watches.lanes.ofStream(on)?.lane;
    context.status({ type: 'resumed', lane: lane ?? 'live', watches: watches.size });
  }

  /** It was handed over, and has left the stream that it was on. */
  #moved(entry: WatchEntry, to: CreatedAttachment): void {
    const { context, watches } = this.#options;
    entry.movesRefused = 0;
    entry.enter({ at: 'active', on: to });
    if (to.stream === watches.lanes.live.stream) watches.arrived(entry);
    else {
      entry.heardAt = context.now();
      watches.willMove(entry);
    }
  }

  /** It could not be handed over and goes on where it is; if that stream cannot keep it either, it will say so. */
  #stay(entry: WatchEntry, from: CreatedAttachment, error: EtcdError): void {
    // The stream that it is on has brought it everything; from this revision on another one can take it over.
    const now = this.#options.context.now();
    if (error instanceof CompactedError) entry.heldBackBelow = Number(error.compactRevision);
    else {
      entry.movesRefused += 1;
      const delayMs = MOVE_RETRY_MS * 2 ** Math.min(entry.movesRefused, MOVE_RETRY_DOUBLINGS);
      entry.moveAfter = Math.max(entry.moveAfter, now + delayMs);
    }
    entry.heardAt = now;
    entry.enter({ at: 'active', on: from });
    this.#options.watches.willMove(entry);
  }

  #waitOrEnd(entry: WatchEntry, error: EtcdError): void {
    const { watches } = this.#options;
    // It needs nothing of what was compacted: the server created it from an older revision than it has come to.
    const isInVain = error instanceof CompactedError && Number(error.compactRevision) <= entry.next;
    if (isInVain) entry.compactedInVain += 1;
    if (mayPass(error) || (isInVain && entry.compactedInVain < COMPACTED_LIMIT)) watches.wait(entry);
    else watches.end(entry, error);
  }
}
