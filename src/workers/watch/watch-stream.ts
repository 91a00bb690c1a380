/**
 * One gRPC watch stream with the watches on it: pipelined creation with ids drawn by us, first-in-first-out matching of the
 * answers (a failed creation answers with id -1, so ids cannot match it), cancelling, and routing of every answer to its
 * watch. Owns the stream, not the connection. It decides nothing: what an answer means is told through the hooks.
 */
import type { EtcdError } from '../../wire/errors.js';
import { ProtoWriter } from '../../wire/proto-writer.js';
import { CompactedError } from '../../wire/errors.js';
import { watchCancelError } from '../../wire/server-errors.js';
import type { GrpcConnection, GrpcStream, Metadata } from '../../grpc/grpc-connection.js';
import type { GuardedTimers } from '../../wire/guarded-timers.js';
import { decodeWatchHead, findStreamWatchId, WatchHead } from './watch-decoder.js';
import type { WatchCarrier, WatchEntry } from './watch-entry.js';
import { writeCancel, writeCreate, writeProgressRequest } from './watch-request.js';

const WATCH_PATH = '/etcdserverpb.Watch/Watch';

/** Unanswered creates at a time: enough to hide the round trip, few enough not to fill the server's control channel for long. */
const CREATE_WINDOW = 1024;

/** No watch has it: ids are drawn from 1, given from 0, and -1 and below stand for what has none yet. */
const NO_ID: number = Number.NaN;

/** What a watch stream tells its owner. `head` is lent for the duration of the call. */
export interface WatchStreamHooks {
  created(stream: WatchStream, entry: WatchEntry, streamWatchId: number, head: WatchHead): void;
  /** The creation was refused; the watch is no longer on the stream. */
  refused(stream: WatchStream, entry: WatchEntry, error: EtcdError): void;
  /** Events or progress for a watch; the events stand from `head.eventsStart` to `end`. */
  answered(stream: WatchStream, entry: WatchEntry, head: WatchHead, buffer: Uint8Array, end: number): void;
  /** An answer that names this watch cannot be read; its stream is about to end with that error. */
  malformed(stream: WatchStream, entry: WatchEntry, error: unknown): void;
  /** The server ended a created watch; it is no longer on the stream. */
  canceled(stream: WatchStream, entry: WatchEntry, error: EtcdError): void;
  /**
   * Progress of the stream, answering {@link WatchStream.requestProgress}. `request` is the number of the earliest request
   * that this can be the answer to: etcd may leave any of them unanswered.
   */
  streamProgress(stream: WatchStream, head: WatchHead, request: number): void;
}

/** What a watch stream tells the lane that opened it; nothing comes afterwards. */
export interface WatchStreamOwner {
  /** The server does not honour our ids: open a serial stream instead. The stream has been reset. */
  idsIgnored(stream: WatchStream): void;
  ended(stream: WatchStream, error: EtcdError | undefined): void;
}

export interface WatchStreamOptions {
  readonly connection: GrpcConnection;
  /** Now, in monotonic ms. */
  readonly openedAt: number;
  /** Whether answers to progress requests may be believed. */
  readonly trustsProgress: boolean;
  /** Whether the member tells every watch that its history was compacted (server-version.ts). */
  readonly tellsEveryCompaction: boolean;
  /** Whether it tells a refused token as a missing permission (server-version.ts). */
  readonly confusesTokenRefusals: boolean;
  /** How often the store had been replaced when the member was asked (store-guard.ts). */
  readonly storeRestarts: number;
  readonly metadata: Metadata;
  /** Create one at a time and take whatever id the server gives: for servers and proxies that ignore ours. */
  readonly serial: boolean;
  /** Have the answers split of watches that leave it to us. */
  readonly fragments: boolean;
  /** Draws an id that was never used on any stream. */
  readonly drawId: () => number;
  readonly timers: GuardedTimers;
  readonly hooks: WatchStreamHooks;
  readonly owner: WatchStreamOwner;
}

interface Creation {
  readonly entry: WatchEntry;
  readonly streamWatchId: number;
  readonly startRevision: number;
  /** It is only to be answered, and is cancelled then. */
  readonly isProbe: boolean;
}

/** A revision that no store comes to: a watch from it delivers nothing. */
const NEVER_REVISION = Number.MAX_SAFE_INTEGER;

export class WatchStream implements WatchCarrier {
  readonly connection: GrpcConnection;
  /** In monotonic ms. */
  readonly openedAt: number;
  readonly storeRestarts: number;
  readonly trustsProgress: boolean;
  readonly tellsEveryCompaction: boolean;
  readonly confusesTokenRefusals: boolean;
  readonly serial: boolean;
  readonly #options: WatchStreamOptions;
  readonly #stream: GrpcStream;
  readonly #head = new WatchHead();
  readonly #writer = new ProtoWriter(4096);
  /** Watches on this stream by their id here; a cancelled one is taken out at once, whatever still arrives for it. */
  readonly #attached = new Map<number, WatchEntry>();
  /** Creations in the order of their ids: answered (only counted), sent, and still to be sent. */
  #creations: Creation[] = [];
  #answeredCount = 0;
  #sentCount = 0;
  #progressWanted = false;
  /** Messages received, as many as there were when it was looked at last, and whether it was probed then. */
  #messages = 0;
  #messagesSeen = -1;
  #isProbed = false;
  #progressRequests = 0;
  #progressAnswers = 0;
  #paused = false;
  #flushScheduled = false;
  #over = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.connection = options.connection;
    this.openedAt = options.openedAt;
    this.storeRestarts = options.storeRestarts;
    this.trustsProgress = options.trustsProgress;
    this.tellsEveryCompaction = options.tellsEveryCompaction;
    this.confusesTokenRefusals = options.confusesTokenRefusals;
    this.serial = options.serial;
    this.#stream = options.connection.openStream(
      WATCH_PATH,
      {
        onMessage: (buffer, start, end) => {
          this.#onMessage(buffer, start, end);
        },
        onEnd: (error) => {
          this.#over = true;
          options.owner.ended(this, error);
        },
      },
      options.metadata,
    );
  }

  /** What it was opened with: the server judges creations by it. */
  get metadata(): Metadata {
    return this.#options.metadata;
  }

  /** Whether it has the answers split of watches that leave it to us. */
  get fragments(): boolean {
    return this.#options.fragments;
  }

  /** How many watches are on it, created or not. */
  get size(): number {
    return this.#attached.size;
  }

  /** Whether watches on it wait to be confirmed. */
  get creating(): boolean {
    return this.#answeredCount < this.#creations.length;
  }

  /** The watches on it whose creation was sent and has not been answered, oldest first. */
  unanswered(): WatchEntry[] {
    const sent = this.#creations.slice(this.#answeredCount, this.#sentCount);
    return sent.filter(({ streamWatchId }) => this.#attached.has(streamWatchId)).map(({ entry }) => entry);
  }

  /** The watches on it, created or not. */
  entries(): IterableIterator<WatchEntry> {
    return this.#attached.values();
  }

  /** The same with their ids here. */
  attached(): IterableIterator<[streamWatchId: number, entry: WatchEntry]> {
    return this.#attached.entries();
  }

  /** Queues the creation of a watch and returns its id here. */
  create(entry: WatchEntry, startRevision: number): number {
    const drawn = this.#options.drawId();
    // In serial mode the server gives the ids, from 0 up: until then a number that it cannot give, nor -1.
    const streamWatchId = this.serial ? -1 - drawn : drawn;
    this.#attached.set(streamWatchId, entry);
    this.#creations.push({ entry, streamWatchId, startRevision, isProbe: false });
    this.#scheduleFlush();
    return streamWatchId;
  }

  /** Takes a watch off the stream and cancels it on the server; nothing more is heard of it. */
  cancelWatch(streamWatchId: number): void {
    if (!this.#attached.delete(streamWatchId) || this.#over) return;
    // Not answered yet: it is cancelled when it is, because the server knows the id only then.
    if (this.#isUnanswered(streamWatchId)) return;
    writeCancel(this.#writer, streamWatchId);
    this.#scheduleFlush();
  }

  /** Asks how far the watches have come; asked again before that is sent, it asks once. */
  requestProgress(): void {
    this.#progressWanted = true;
    this.#scheduleFlush();
  }

  /**
   * Whether the server has fallen silent on this stream, though its connection may live: asked again and again, it is true the second
   * time that nothing has come since the time before. In between the server is asked for what it always answers, the creation of a watch,
   * since it leaves requests for progress unanswered while any watch is behind.
   */
  isSilent(): boolean {
    const hasHeard = this.#messages !== this.#messagesSeen;
    this.#messagesSeen = this.#messages;
    // What is not read cannot be heard. A proxy that gives its own ids may join the probe with another client's watch.
    if (hasHeard || this.#paused || this.#over || this.serial) {
      this.#isProbed = false;
      return false;
    }
    if (this.#isProbed) return true;
    this.#isProbed = true;
    const [entry] = this.#attached.values();
    if (entry === undefined || this.creating) return false;
    const streamWatchId = this.#options.drawId();
    this.#creations.push({ entry, streamWatchId, startRevision: NEVER_REVISION, isProbe: true });
    this.#scheduleFlush();
    return false;
  }

  /** How many progress requests have been sent. */
  get progressRequests(): number {
    return this.#progressRequests;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
    this.#scheduleFlush();
  }

  /** Resets the stream: a half-closed one would live on at the server. No hook is called afterwards. */
  reset(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.cancel();
  }

  #isUnanswered(streamWatchId: number): boolean {
    if (this.serial) return streamWatchId < 0;
    // Ids grow along the list, so the first unanswered one tells it for all.
    const first = this.#creations[this.#answeredCount];
    return first !== undefined && streamWatchId >= first.streamWatchId;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#over) return;
    this.#flushScheduled = true;
    this.#options.timers.queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** Sends what is due in one write. A paused stream gets nothing: its server could block on the answer. */
  #flush(): void {
    if (this.#over || this.#paused) return;
    this.#writeCreates();
    if (this.#progressWanted) {
      this.#progressWanted = false;
      this.#progressRequests += 1;
      writeProgressRequest(this.#writer);
    }
    if (this.#writer.length > 0) this.#stream.write(this.#writer.take());
  }

  #writeCreates(): void {
    const creations = this.#creations;
    let read = this.#sentCount;
    while (read < creations.length && this.#sentCount - this.#answeredCount < this.#window) {
      const creation = creations[read++] as Creation; // within the length
      if (!this.#attached.has(creation.streamWatchId) && !creation.isProbe) continue;
      const wireId = this.serial ? 0 : creation.streamWatchId;
      const { spec } = creation.entry;
      writeCreate(this.#writer, spec, wireId, creation.startRevision, spec.fragment ?? this.#options.fragments);
      creations[this.#sentCount++] = creation;
    }
    // Creations that were cancelled before they were sent leave a gap.
    if (read > this.#sentCount) creations.splice(this.#sentCount, read - this.#sentCount);
  }

  get #window(): number {
    return this.serial ? 1 : CREATE_WINDOW;
  }

  #onMessage(buffer: Uint8Array, start: number, end: number): void {
    const head = this.#head;
    this.#messages += 1;
    try {
      decodeWatchHead(head, buffer, start, end);
    } catch (error) {
      const entry = this.#attached.get(findStreamWatchId(buffer, start, end) ?? NO_ID);
      if (entry !== undefined) this.#options.hooks.malformed(this, entry, error);
      throw error;
    }
    if (head.created) {
      this.#onCreated(head);
      if (head.eventCount === 0 || this.#over) return;
    }
    const entry = this.#attached.get(head.streamWatchId);
    if (entry === undefined) {
      // Answers to a watch that we cancelled may still be on their way; only progress for the whole stream has id -1.
      if (head.streamWatchId === -1 && !head.canceled && head.eventCount === 0 && head.revision > 0) {
        // A server that answers more often than it was asked is not trusted to answer the newest request.
        this.#progressAnswers = Math.min(this.#progressAnswers + 1, this.#progressRequests);
        this.#options.hooks.streamProgress(this, head, this.#progressAnswers);
      }
      return;
    }
    if (head.canceled) {
      this.#attached.delete(head.streamWatchId);
      this.#options.hooks.canceled(this, entry, this.#cancelError(head));
      return;
    }
    this.#options.hooks.answered(this, entry, head, buffer, end);
  }

  #onCreated(head: WatchHead): void {
    const creation = this.#answeredCount < this.#sentCount ? this.#creations[this.#answeredCount] : undefined;
    if (creation === undefined) return;
    const { entry, streamWatchId } = creation;
    const refused = head.canceled || head.streamWatchId === -1;
    if (!this.serial && (refused ? this.#refusesOurIds(head) : head.streamWatchId !== streamWatchId)) {
      this.reset();
      this.#options.owner.idsIgnored(this);
      return;
    }
    this.#answeredCount += 1;
    // Now and then, not for each: moving the rest costs as much as there is of it.
    if (this.#answeredCount * 2 >= this.#creations.length) {
      this.#creations = this.#creations.slice(this.#answeredCount);
      this.#sentCount -= this.#answeredCount;
      this.#answeredCount = 0;
    }
    // Many at once, not one for each answer.
    const isHalfEmpty = (this.#sentCount - this.#answeredCount) * 2 <= this.#window;
    if (isHalfEmpty && this.#sentCount < this.#creations.length) this.#scheduleFlush();
    const answeredId = head.streamWatchId;
    const wanted = this.#attached.has(streamWatchId);
    if (refused || answeredId !== streamWatchId) this.#attached.delete(streamWatchId);
    if (refused) {
      if (wanted) this.#options.hooks.refused(this, entry, this.#cancelError(head));
      return;
    }
    if (!wanted) {
      writeCancel(this.#writer, answeredId);
      this.#scheduleFlush();
      return;
    }
    if (answeredId !== streamWatchId) this.#attached.set(answeredId, entry);
    this.#options.hooks.created(this, entry, answeredId, head);
  }

  /** Some servers refuse ids given by the client, in words of their own; ours are never duplicates. */
  #refusesOurIds(head: WatchHead): boolean {
    return /watch ?_?id/iu.test(head.cancelReason);
  }

  #cancelError(head: WatchHead): EtcdError {
    const endpoint = this.connection.endpoint.text;
    if (head.compactRevision > 0) {
      return new CompactedError(
        `the revision to watch from has been compacted; the oldest one left is ${String(head.compactRevision)}`,
        BigInt(head.compactRevision),
        { endpoint },
      );
    }
    return watchCancelError(head.cancelReason, { endpoint });
  }
}
