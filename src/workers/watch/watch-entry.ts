/**
 * One watch of a shard: what was asked for, how far it has come, and where it stands. The state is a union with the data
 * of each state; only {@link enter} changes it, and checks the step. Pure data, no I/O.
 */
import type { WatchSpec } from '../../wire/contract.js';
import { EtcdError } from '../../wire/errors.js';
import type { RevisionAssembly } from './revision-assembly.js';

/** A stream as the watches on it know it. */
export interface WatchCarrier {
  /** Whether answers to progress requests may be believed. */
  readonly trustsProgress: boolean;
  /** Takes a watch off and cancels it on the server. */
  cancelWatch(streamWatchId: number): void;
  requestProgress(): void;
}

/** A watch on one stream, under the id drawn for it there. */
export interface Attachment {
  readonly stream: WatchCarrier;
  readonly streamWatchId: number;
}

/** A watch that the server has created there. */
export interface CreatedAttachment extends Attachment {
  /** The store's revision as its creation was answered, and the progress requests sent on that stream before. */
  readonly createdRevision: number;
  readonly requestsBefore: number;
}

export type WatchState =
  /** Waits for a stream: the first one, or another after its stream was lost. */
  | { readonly at: 'waiting' }
  /** The create request is queued or sent. */
  | { readonly at: 'creating'; readonly on: Attachment }
  | { readonly at: 'active'; readonly on: CreatedAttachment }
  /** Handed over: delivers from `from` until the same watch has been created on `to`, from revision `start` on. */
  | { readonly at: 'moving'; readonly from: CreatedAttachment; readonly to: Attachment; readonly start: number }
  /**
   * Created on `to`, but the server looks only afterwards whether the history from its start is still there. `from` delivers until
   * something shows that it was: etcd says nothing of it.
   */
  | {
      readonly at: 'settling';
      readonly from: CreatedAttachment;
      readonly to: CreatedAttachment;
      readonly sinceMs: number;
    }
  /** Its consumer lags: on no stream, `next` is kept. */
  | { readonly at: 'detached' }
  | { readonly at: 'ended' };

const STEPS: Readonly<Record<WatchState['at'], readonly WatchState['at'][]>> = {
  waiting: ['creating', 'detached', 'ended'],
  creating: ['active', 'waiting', 'detached', 'ended'],
  active: ['moving', 'waiting', 'detached', 'ended'],
  // Back to creating: the stream it moves away from was lost first. Back to active: the one it moves to was.
  moving: ['settling', 'active', 'creating', 'waiting', 'detached', 'ended'],
  // Back to active on either stream.
  settling: ['active', 'waiting', 'detached', 'ended'],
  detached: ['waiting', 'ended'],
  ended: [],
};

export class WatchEntry {
  readonly spec: WatchSpec;
  /**
   * The next revision wanted: moved by complete revisions that were delivered and by trustworthy progress, never by a
   * batch's header. 0 until a watch from «now» has been created.
   */
  next: number;
  /**
   * What this engine knew of the store when it asked for a watch from now on: revisions up to it were before. Belongs to the store
   * of that time, which `floorRestarts` names as the store guard counts them.
   */
  floor = 0;
  floorRestarts = -1;
  /** The first creation has been told to main. */
  announced: boolean;
  /** Replays because its consumer had lagged; such replays are limited in number. */
  lagged = false;
  /** Its consumer lagged before the watch had a revision to come back to. */
  detachWhenCreated = false;
  /** A hand-over was refused because the history before this revision was compacted: the next one waits until `next` is there. */
  heldBackBelow = 0;
  /** How often in a row it was ended by a compaction that it does not need the history of. */
  compactedInVain = 0;
  /** Where, and since when, it waits for a sign that the server has read its history; forgotten with that sign. */
  reading: { readonly stream: WatchCarrier; readonly sinceMs: number } | undefined;
  /** When it was last heard of, in monotonic ms; tells whether a catch-up has gone quiet. */
  heardAt = 0;
  assembly: RevisionAssembly | undefined;
  /** How often it was kept apart because its stream ended in a way that it may have caused. */
  isolations = 0;
  /** How often in a row another stream refused to take it over. */
  movesRefused = 0;
  /** Before then, in monotonic ms, it does not move to another lane. */
  moveAfter = 0;
  /** How often in a row its creation was refused for the token of its stream. */
  tokenRefusals = 0;
  /** The last stream that did so. */
  refusedBy: WatchCarrier | undefined;
  /** How often in a row bytes meant for it could not be decoded. */
  malformed = 0;
  #state: WatchState = { at: 'waiting' };

  constructor(spec: WatchSpec) {
    this.spec = spec;
    this.next = spec.startRevision;
    this.announced = spec.resumed;
  }

  get state(): WatchState {
    return this.#state;
  }

  enter(state: WatchState): void {
    if (!STEPS[this.#state.at].includes(state.at)) {
      throw new EtcdError(`a watch cannot go from ${this.#state.at} to ${state.at}`, { code: 'internal' });
    }
    // A revision that is being assembled comes again from its beginning on whatever stream delivers next.
    if (deliverer(state) !== deliverer(this.#state)) this.assembly = undefined;
    this.#state = state;
  }
}

/** The stream whose events count in this state. */
function deliverer(state: WatchState): WatchCarrier | undefined {
  switch (state.at) {
    case 'active':
    case 'creating':
      return state.on.stream;
    case 'moving':
    case 'settling':
      return state.from.stream;
    case 'waiting':
    case 'detached':
    case 'ended':
      return undefined;
  }
}
