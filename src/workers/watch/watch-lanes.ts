/** The watch lanes of a shard, and which of them a stream or a watch is on. */
import { EtcdError } from '../../wire/errors.js';
import type { WatchCarrier, WatchEntry } from './watch-entry.js';
import type { WatchLane } from './watch-lane.js';
import type { WatchStream } from './watch-stream.js';

export type WatchLaneName = 'live' | 'catch-up';

export class WatchLanes {
  readonly live: WatchLane;
  readonly catchUp: WatchLane;
  /** These two, and those of watches that are kept apart. */
  readonly #all: WatchLane[];
  #isPaused = false;

  constructor(make: (lane: WatchLaneName) => WatchLane) {
    this.live = make('live');
    this.catchUp = make('catch-up');
    this.#all = [this.live, this.catchUp];
  }

  get all(): readonly WatchLane[] {
    return this.#all;
  }

  /** Lanes of watches that are kept apart. */
  get isolated(): readonly WatchLane[] {
    return this.#all.slice(2);
  }

  /** Open streams of watches that catch up or are kept apart. */
  get catchUpStreams(): number {
    return this.#all.reduce((sum, lane) => (lane === this.live ? sum : sum + lane.openStreams), 0);
  }

  addIsolated(lane: WatchLane): void {
    this.#all.push(lane);
    if (this.#isPaused) lane.pause();
  }

  removeIsolated(lane: WatchLane): void {
    const index = this.#all.indexOf(lane, 2);
    if (index >= 0) this.#all.splice(index, 1);
    lane.releaseUnused(); // tells of connections that were to be replaced
    lane.close();
  }

  /** Since when a stream has been open and used, of another lane than this one; Infinity for none. */
  openSince(than?: WatchLane): number {
    return Math.min(...this.#all.map((lane) => (lane === than ? Infinity : lane.openSince)));
  }

  named(lane: WatchLaneName): WatchLane {
    return lane === 'live' ? this.live : this.catchUp;
  }

  ofStream(stream: WatchCarrier): WatchLane | undefined {
    return this.all.find((lane) => lane.has(stream));
  }

  /** The lane that delivers a watch's events, `undefined` while none does. */
  of(entry: WatchEntry): WatchLane | undefined {
    const { state } = entry;
    switch (state.at) {
      case 'creating':
      case 'active':
        return this.ofStream(state.on.stream);
      case 'moving':
      case 'settling':
        return this.ofStream(state.from.stream);
      case 'waiting':
      case 'detached':
      case 'ended':
        return undefined;
    }
  }

  pause(): void {
    this.#isPaused = true;
    for (const lane of this.all) lane.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const lane of this.all) lane.resume();
  }

  /** Whether watches on a stream, open or draining, wait to be confirmed. */
  get creating(): boolean {
    for (const stream of this.#streams()) if (stream.creating) return true;
    return false;
  }

  /** Nothing is read from the network until `release()`, without any stream being told. */
  hold(): void {
    for (const stream of this.#streams()) stream.connection.hold();
  }

  release(): void {
    for (const stream of this.#streams()) stream.connection.release();
  }

  settingsChanged(firstEndpoint: number): void {
    for (const lane of this.all) lane.settingsChanged(firstEndpoint);
  }

  /** The store has been replaced so often: streams that were opened before may bring what an older one held. */
  leaveOldStore(restarts: number): void {
    // A stream that is dropped may leave its lane with no watch, or make lanes.
    for (const lane of [...this.all]) {
      for (const stream of [...lane.streams()]) {
        if (stream.storeRestarts === restarts) continue;
        const endpoint = stream.connection.endpoint.text;
        lane.drop(stream, new EtcdError(`the store at ${endpoint} was replaced`, { code: 'unavailable', endpoint }));
      }
    }
  }

  close(): void {
    for (const lane of this.all) lane.close();
  }

  *#streams(): Generator<WatchStream> {
    for (const lane of this.all) yield* lane.streams();
  }
}
