/**
 * One lane of a shard: a connection of its own with one watch stream, opened when somebody waits for it, opened again when
 * it is lost, and closed when nobody needs it any more. A stream whose peer asks to move away is replaced first and drained by
 * hand-over. Which member it is on, and when the next one is tried, is the search's (member-search.ts). Knows nothing of revisions.
 */
import type { ConnectionSettings, Endpoint } from '../../wire/connection-settings.js';
import type { Lane } from '../../wire/contract.js';
import { EtcdError, errorToPlain } from '../../wire/errors.js';
import { isTokenError } from '../../wire/server-errors.js';
import { keepsConnection } from '../../wire/settings-change.js';
import { remedyFor } from '../../member/failure.js';
import { MemberSearch, type MemberAttempt } from '../../member/member-search.js';
import { Persistence } from '../../member/persistence.js';
import { reachMember, type ReachedMember } from '../../member/reach-member.js';
import { confusesTokenRefusals, tellsEveryCompaction, trustsRequestedProgress } from '../../member/server-version.js';
import { LaneFailures, STABLE_MS } from './lane-failures.js';
import type { WatchCarrier } from './watch-entry.js';
import type { WatchLaneOptions } from './watch-lane-options.js';
import { WatchStream } from './watch-stream.js';

type LaneState =
  | { readonly at: 'idle' }
  | {
      readonly at: 'searching';
      readonly search: MemberSearch<ReachedMember>;
      readonly settings: ConnectionSettings;
    }
  | {
      readonly at: 'open';
      readonly stream: WatchStream;
      /** Those it was made with. */
      readonly settings: ConnectionSettings;
    }
  | { readonly at: 'closed' };

/** Between attempts with watches that are kept apart: whatever fails with them is likely to fail again. */
const APART_PAUSE = { initialMs: 100, maxMs: 2_500 } as const;

/**
 * Answers come whole up to this size, because etcd takes quadratic time to split them; after a larger one they are split.
 * Bounds what one answer can take, so it must stay near the largest budgets.
 */
const WHOLE_ANSWER_BYTES = 16 * 1024 * 1024;

export class WatchLane {
  readonly lane: Lane;
  readonly #options: WatchLaneOptions;
  #state: LaneState = { at: 'idle' };
  /** Streams that were replaced and still deliver until their watches have moved. */
  readonly #draining = new Set<WatchStream>();
  /** Members that ignore ids given by us. */
  readonly #serialMembers = new Set<string>();
  /** An answer was too large to come whole. Forgotten when the lane has nothing to do any more. */
  #fragments: boolean;
  /** Place of the member to try first. */
  #nextEndpoint: number;
  /** Streams in a row that ended soon after they were opened: from the second on, the next search waits as after so many failures. */
  #shortLives = 0;
  readonly #judge: LaneFailures;
  /** Of failures to open a stream. */
  readonly #persistence: Persistence;
  #paused = false;
  #resumedAt = -Infinity;
  /** While it runs the stream stays, used or not. */
  #keeping: NodeJS.Timeout | undefined;

  constructor(options: WatchLaneOptions) {
    this.lane = options.lane;
    this.#options = options;
    this.#fragments = options.fragments;
    this.#nextEndpoint = options.firstEndpoint;
    this.#judge = new LaneFailures(options.context.now);
    this.#persistence = new Persistence(options.context.now);
  }

  /** The stream to put watches on, once there is one. */
  get stream(): WatchStream | undefined {
    return this.#state.at === 'open' ? this.#state.stream : undefined;
  }

  get trustsProgress(): boolean {
    return this.stream?.trustsProgress === true;
  }

  /** Whether answers are split where a watch leaves that to the lane. */
  get fragments(): boolean {
    return this.#fragments;
  }

  /** Since when its stream has been open and used; Infinity when it is not. */
  get openSince(): number {
    return this.#state.at === 'open' && this.#state.stream.size > 0 ? this.#state.stream.openedAt : Infinity;
  }

  get openStreams(): number {
    return this.#draining.size + (this.#state.at === 'open' ? 1 : 0);
  }

  /** Streams being left because their peer asked to, or because settings changed. */
  get draining(): ReadonlySet<WatchStream> {
    return this.#draining;
  }

  /** Whether a stream, open or draining, is of this lane. */
  has(stream: WatchCarrier): boolean {
    return this.stream === stream || [...this.#draining].some((draining) => draining === stream);
  }

  /** Sees to it that a stream will be open. */
  want(): void {
    if (this.#state.at === 'idle') this.#search();
  }

  /** Opens a stream ahead of its use, and leaves it open for a while. */
  keepOpen(forMs: number): void {
    this.#keeping = this.#options.context.timers.setTimeout(() => {
      this.#keeping = undefined;
      this.releaseUnused();
    }, forMs);
    this.#keeping.unref();
    this.want();
  }

  /** Since when its streams have been read without a break, in monotonic ms; `undefined` while they are paused. */
  get readSince(): number | undefined {
    return this.#paused ? undefined : this.#resumedAt;
  }

  pause(): void {
    this.#paused = true;
    for (const stream of this.streams()) stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#resumedAt = this.#options.context.now();
    for (const stream of this.streams()) stream.resume();
  }

  /** Opens a new stream beside the current one, which drains. */
  replace(): void {
    if (this.#state.at !== 'open') return;
    this.#draining.add(this.#state.stream);
    this.#search();
  }

  /**
   * Opens a stream with the token of now, as {@link replace}, but never a third: what is on the smaller of two that drain is
   * created again from its next revision.
   */
  renewStream(): void {
    this.replace();
    this.releaseUnused();
    const [smallest] = [...this.#draining].sort((left, right) => left.size - right.size);
    if (smallest === undefined || this.#draining.size === 1) return;
    this.excuse();
    this.drop(smallest, new EtcdError('its token is not taken any more', { code: 'unavailable' }));
  }

  /** Gives a stream of this lane up, as if it had ended by itself. */
  drop(stream: WatchStream, error: EtcdError): void {
    if (!this.has(stream)) return;
    stream.reset();
    this.#onEnded(stream, error);
  }

  /** Gives up streams on which the server has fallen silent. To be called now and then; the second time without a word counts. */
  dropSilent(): void {
    for (const stream of [...this.streams()]) {
      if (stream.size === 0 || !stream.isSilent()) continue;
      const endpoint = stream.connection.endpoint.text;
      this.drop(
        stream,
        new EtcdError(`${endpoint} does not answer on its watch stream`, { code: 'unavailable', endpoint }),
      );
    }
  }

  /** The stream is about to end because of what it brought for one watch: no reason to give up the others. */
  excuse(): void {
    this.#judge.ignoreNext();
  }

  /**
   * The settings have changed: what was made, or is being made, with the old ones is replaced. A stream whose member is still
   * there with the same credentials stays.
   */
  settingsChanged(firstEndpoint: number): void {
    this.#shortLives = 0;
    this.#judge.reset();
    this.#persistence.passed();
    this.#nextEndpoint = firstEndpoint;
    if (this.#state.at === 'open') {
      const { stream, settings } = this.#state;
      if (!keepsConnection(stream.connection.endpoint, settings, this.#options.context.settings)) this.replace();
    } else if (this.#state.at === 'searching') this.#search();
  }

  /** Closes streams that were left and that nobody is on any more. */
  releaseDrained(): void {
    for (const stream of this.#draining) {
      if (stream.size > 0) continue;
      this.#discard(stream);
      const endpoint = stream.connection.endpoint.text;
      this.#options.context.status({ type: 'left', lane: this.lane, endpoint });
    }
  }

  /** Closes every stream that nobody is on any more. */
  releaseUnused(): void {
    this.releaseDrained();
    // What drains moves to the open stream, some of it later.
    if (this.#options.waiting() > 0 || this.#draining.size > 0 || this.#keeping !== undefined) return;
    if (this.#state.at === 'open' && this.#state.stream.size === 0) {
      const { stream } = this.#state;
      this.#fragments = this.#options.fragments;
      this.#enter({ at: 'idle' });
      this.#discard(stream);
    } else if (this.#state.at === 'searching' && this.#state.search.isFruitless) {
      // Not sooner: whoever wants it may be on another stream until this one is open.
      this.#fragments = this.#options.fragments;
      this.#enter({ at: 'idle' });
    }
  }

  close(): void {
    this.#options.context.timers.clear(this.#keeping);
    const streams = [...this.streams()];
    this.#enter({ at: 'closed' });
    for (const stream of streams) this.#discard(stream);
  }

  /** Watches that need this lane: those that wait and those on a stream of it. */
  #dependents(): number {
    let count = this.#options.waiting();
    for (const stream of this.streams()) count += stream.size;
    return count;
  }

  /** Those that drain, and the one in use. */
  *streams(): Generator<WatchStream> {
    yield* this.#draining;
    if (this.#state.at === 'open') yield this.#state.stream;
  }

  #enter(state: LaneState): void {
    const old = this.#state;
    if (old.at === 'closed') return;
    if (old.at === 'searching') old.search.cancel();
    this.#state = state;
  }

  #search(): void {
    const { context } = this.#options;
    const { settings, health, timers, random } = context;
    const texts = settings.endpoints.map(({ text }) => text);
    const search = new MemberSearch<ReachedMember>({
      timers: { set: timers.setTimeout, clear: timers.clear },
      random,
      order: () => health.order(texts, this.#nextEndpoint % texts.length),
      attempt: (place) => this.#reach(settings.endpoints[place] as Endpoint), // a place of the order
      pause: this.#options.isApart ? APART_PAUSE : undefined,
      failedRounds: Math.max(0, this.#shortLives - 1),
      onFound: (member, place) => {
        this.#nextEndpoint = place + 1;
        this.#persistence.passed();
        this.#open(member, settings);
      },
      onFailure: (place, error) => {
        this.#failed(texts[place] ?? '', error);
      },
    });
    this.#enter({ at: 'searching', search, settings });
  }

  #reach(endpoint: Endpoint): MemberAttempt<ReachedMember> {
    const { context, guard, probeKey } = this.#options;
    const attempt = reachMember({
      context,
      settings: this.#settings(),
      endpoint,
      answerTimeoutMs: context.settings.connectTimeoutMs,
      isForeign: (text, clusterId) => guard.identify(text, clusterId, context.settings) === 'foreign',
      store: { guard, probeKey: probeKey() },
      handlers: {
        onGoaway: () => {
          if (this.stream?.connection !== attempt.connection) return;
          this.#countLife(this.stream); // one that asks to go as soon as it was opened would be opened in a loop
          this.replace();
        },
        // Every stream and call on it has been told before; there is nothing else to do.
        onClose: () => undefined,
      },
    });
    return attempt;
  }

  #settings(): ConnectionSettings {
    const { settings } = this.#options.context;
    if (this.#fragments || settings.maxMessageBytes <= WHOLE_ANSWER_BYTES) return settings;
    return { ...settings, maxMessageBytes: WHOLE_ANSWER_BYTES };
  }

  #open(member: ReachedMember, settings: ConnectionSettings): void {
    const { context, guard, lane, streamHooks, drawId, onReached } = this.#options;
    const endpoint = member.connection.endpoint.text;
    onReached(endpoint, member.storeReset);
    const serial = this.#serialMembers.has(endpoint);
    const stream = new WatchStream({
      connection: member.connection,
      openedAt: context.now(),
      storeRestarts: guard.restarts,
      // Without it a member cut off from its cluster would keep the stream and stay silent.
      metadata: { ...context.metadata(), hasleader: 'true' },
      serial,
      // What ignores our ids is a proxy, or as old as one: etcd's own leaves such requests unanswered.
      trustsProgress: !serial && trustsRequestedProgress(member.status),
      tellsEveryCompaction: tellsEveryCompaction(member.status),
      confusesTokenRefusals: confusesTokenRefusals(member.status),
      fragments: this.#fragments,
      drawId,
      timers: context.timers,
      hooks: streamHooks,
      owner: {
        idsIgnored: (from) => {
          this.#serialMembers.add(endpoint);
          this.#onEnded(
            from,
            new EtcdError(`${endpoint} gives watch ids of its own`, { code: 'unavailable', endpoint }),
          );
        },
        ended: (from, error) => {
          this.#onEnded(from, error ?? serverClosed(endpoint));
        },
      },
    });
    if (this.#paused) stream.pause();
    this.#enter({ at: 'open', stream, settings });
    context.status({ type: 'connected', lane, endpoint, version: member.status.version });
    this.#options.onOpen();
  }

  #onEnded(stream: WatchStream, error: EtcdError): void {
    const drained = this.#draining.delete(stream);
    stream.connection.close();
    if (error.code === 'message-too-large' && !this.#fragments) {
      this.#fragments = true;
      this.excuse();
    }
    const { context } = this.#options;
    const endpoint = stream.connection.endpoint.text;
    // The next stream waits for another token.
    if (isTokenError(error)) context.tokens.refused(stream.metadata, stream.connection).catch(() => undefined);
    const { openedAt } = stream;
    const now = context.now();
    if (now - openedAt >= STABLE_MS) context.health.succeeded(endpoint);
    else if (remedyFor(error) === 'elsewhere') context.health.failed(endpoint);
    const loss = this.#judge.streamEnded({
      error,
      openedAt,
      now,
      watches: [...stream.entries()].filter(({ state }) => state.at !== 'moving' && state.at !== 'settling'),
      unanswered: stream.unanswered(),
      othersOpenSince: this.#options.othersOpenSince(),
      isApart: this.#options.isApart,
      isServerSuspected: this.#options.isServerSuspected(),
    });
    context.status({ type: 'disconnected', lane: this.lane, endpoint, error: errorToPlain(error) });
    if (!drained && this.stream === stream) {
      if (error.code === 'no-leader') context.status({ type: 'no-leader', lane: this.lane, endpoint });
      this.#countLife(stream);
      this.#enter({ at: 'idle' });
    }
    // They ask for a stream at once; the search for it keeps to the pause.
    this.#options.onLost(stream, loss);
    if (this.#state.at === 'idle' && this.#dependents() > 0) this.#search();
  }

  #countLife({ openedAt }: WatchStream): void {
    this.#shortLives = this.#options.context.now() - openedAt < STABLE_MS ? this.#shortLives + 1 : 0;
  }

  #failed(endpoint: string, error: EtcdError): void {
    const { context, lane, onHopeless } = this.#options;
    context.health.failed(endpoint);
    context.status({ type: 'disconnected', lane, endpoint, error: errorToPlain(error) });
    if (error.code === 'no-leader') context.status({ type: 'no-leader', lane, endpoint });
    if (this.#persistence.lasts(error)) onHopeless(error);
  }

  #discard(stream: WatchStream): void {
    this.#draining.delete(stream);
    stream.reset();
    stream.connection.close();
  }
}

function serverClosed(endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} ended the watch stream`, { code: 'unavailable', endpoint, retryable: true });
}
