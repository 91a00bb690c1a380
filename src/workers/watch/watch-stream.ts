/**
 * One gRPC watch stream with the watches on it: pipelined creation with ids drawn by us, first-in-first-out matching of the
 * answers (a failed creation answers with id -1, so ids cannot match it), cancelling, and routing of every answer to its
 * watch. Owns the stream, not the connection. It decides nothing: what an answer means is told through the hooks.
 */
import type { EtcdError } from '../../wire/errors.js';
import { ProtoWriter } from '../../wire/proto-writer.js';
import { CompactedError } from '../../wire/errors.js';
import { watchCancelError } from '../../wire/server-errors.js';
import type { GrpcConnection, GrpcStream, Metadata } from '../transport/grpc-connection.js';
import { decodeWatchHead, WatchHead } from './watch-decoder.js';
import type { WatchCarrier, WatchEntry } from './watch-entry.js';
import { writeCancel, writeCreate, writeProgressRequest } from './watch-request.js';

const WATCH_PATH = '/etcdserverpb.Watch/Watch';

/** Unanswered creates at a time: enough to hide the round trip, few enough not to fill the server's control channel for long. */
const CREATE_WINDOW = 512;

/** What a watch stream tells its owner. `head` is lent for the duration of the call. */
export interface WatchStreamHooks {
  created(stream: WatchStream, entry: WatchEntry, streamWatchId: number, head: WatchHead): void;
  /** The creation was refused; the watch is no longer on the stream. */
  refused(stream: WatchStream, entry: WatchEntry, error: EtcdError): void;
  /** Events or progress for a watch; the events stand from `head.eventsStart` to `end`. */
  answered(stream: WatchStream, entry: WatchEntry, head: WatchHead, buffer: Uint8Array, end: number): void;
  /** The server ended a created watch; it is no longer on the stream. */
  canceled(stream: WatchStream, entry: WatchEntry, error: EtcdError): void;
  /** Progress of every watch of the stream, answering {@link WatchStream.requestProgress}. */
  streamProgress(stream: WatchStream, revision: number): void;
}

/** What a watch stream tells the lane that opened it; nothing comes afterwards. */
export interface WatchStreamOwner {
  /** The server does not honour our ids: open a serial stream instead. The stream has been reset. */
  idsIgnored(stream: WatchStream): void;
  ended(stream: WatchStream, error: EtcdError | undefined): void;
}

export interface WatchStreamOptions {
  readonly connection: GrpcConnection;
  readonly metadata: Metadata;
  /** Create one at a time and take whatever id the server gives: for servers and proxies that ignore ours. */
  readonly serial: boolean;
  /** Draws an id that was never used on any stream. */
  readonly drawId: () => number;
  readonly hooks: WatchStreamHooks;
  readonly owner: WatchStreamOwner;
}

interface Creation {
  readonly entry: WatchEntry;
  readonly streamWatchId: number;
  readonly startRevision: number;
}

export class WatchStream implements WatchCarrier {
  readonly connection: GrpcConnection;
  readonly serial: boolean;
  readonly #options: WatchStreamOptions;
  readonly #stream: GrpcStream;
  readonly #head = new WatchHead();
  readonly #writer = new ProtoWriter(4096);
  /** Watches on this stream by their id here; a cancelled one is taken out at once, whatever still arrives for it. */
  readonly #attached = new Map<number, WatchEntry>();
  #queued: Creation[] = [];
  #unanswered: Creation[] = [];
  #answeredCount = 0;
  #paused = false;
  #flushScheduled = false;
  #over = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.connection = options.connection;
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

  /** How many watches are on it, created or not. */
  get size(): number {
    return this.#attached.size;
  }

  /** The watches on it, created or not. */
  entries(): IterableIterator<WatchEntry> {
    return this.#attached.values();
  }

  /** Queues the creation of a watch and returns its id here. */
  create(entry: WatchEntry, startRevision: number): number {
    const drawn = this.#options.drawId();
    // In serial mode the server gives the ids, from 0 up: until then a number that it cannot give, nor -1.
    const streamWatchId = this.serial ? -1 - drawn : drawn;
    this.#attached.set(streamWatchId, entry);
    this.#queued.push({ entry, streamWatchId, startRevision });
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

  requestProgress(): void {
    writeProgressRequest(this.#writer);
    this.#scheduleFlush();
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
    // Ids grow along both lists, so the first queued or unanswered id tells it for all.
    const first = this.#unanswered[this.#answeredCount] ?? this.#queued[0];
    return first !== undefined && streamWatchId >= first.streamWatchId;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#over) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** Sends what is due in one write. A paused stream gets nothing: its server could block on the answer. */
  #flush(): void {
    if (this.#over || this.#paused) return;
    this.#writeCreates();
    if (this.#writer.length > 0) this.#stream.write(this.#writer.take());
  }

  #writeCreates(): void {
    const window = this.serial ? 1 : CREATE_WINDOW;
    let taken = 0;
    while (taken < this.#queued.length && this.#unanswered.length - this.#answeredCount < window) {
      const creation = this.#queued[taken++] as Creation; // within the length
      if (!this.#attached.has(creation.streamWatchId)) continue;
      const wireId = this.serial ? 0 : creation.streamWatchId;
      writeCreate(this.#writer, creation.entry.spec, wireId, creation.startRevision);
      this.#unanswered.push(creation);
    }
    if (taken > 0) this.#queued = this.#queued.slice(taken);
  }

  #onMessage(buffer: Uint8Array, start: number, end: number): void {
    const head = this.#head;
    decodeWatchHead(head, buffer, start, end);
    if (head.created) {
      this.#onCreated(head);
      if (head.eventCount === 0 || this.#over) return;
    }
    const entry = this.#attached.get(head.streamWatchId);
    if (entry === undefined) {
      // Answers to a watch that we cancelled may still be on their way; only progress for the whole stream has id -1.
      if (head.streamWatchId === -1 && !head.canceled && head.eventCount === 0 && head.revision > 0) {
        this.#options.hooks.streamProgress(this, head.revision);
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
    const creation = this.#unanswered[this.#answeredCount];
    if (creation === undefined) return;
    const { entry, streamWatchId } = creation;
    const refused = head.canceled || head.streamWatchId === -1;
    if (!this.serial && (refused ? this.#refusesOurIds(head) : head.streamWatchId !== streamWatchId)) {
      this.reset();
      this.#options.owner.idsIgnored(this);
      return;
    }
    this.#answeredCount += 1;
    if (this.#answeredCount >= CREATE_WINDOW) {
      this.#unanswered = this.#unanswered.slice(this.#answeredCount);
      this.#answeredCount = 0;
    }
    if (this.#queued.length > 0) this.#scheduleFlush();
    const wanted = this.#attached.delete(streamWatchId);
    if (refused) {
      if (wanted) this.#options.hooks.refused(this, entry, this.#cancelError(head));
      return;
    }
    const answeredId = head.streamWatchId;
    if (!wanted) {
      writeCancel(this.#writer, answeredId);
      this.#scheduleFlush();
      return;
    }
    this.#attached.set(answeredId, entry);
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
