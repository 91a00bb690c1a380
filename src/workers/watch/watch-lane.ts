/**
 * One lane of a shard: a connection of its own with one watch stream, opened when somebody waits for it, opened again when
 * it is lost (next member at once, then with back-off), and closed when nobody needs it any more. A stream whose peer asks
 * to move away is replaced first and drained by hand-over. Knows nothing of revisions.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import type { ConnectionSettings, Endpoint } from '../../wire/connection-settings.js';
import type { Lane } from '../../wire/contract.js';
import { EtcdError, errorToPlain, toEtcdError } from '../../wire/errors.js';
import { keepsConnection } from '../../wire/settings-change.js';
import { reachMember } from '../../member/member-connection.js';
import type { ReachedMember } from '../../member/member-connection.js';
import { tellsEveryCompaction, trustsRequestedProgress } from '../../member/server-version.js';
import type { GrpcConnection } from '../../grpc/grpc-connection.js';
import { LaneFailures, STABLE_MS } from './lane-failures.js';
import type { WatchCarrier } from './watch-entry.js';
import type { WatchLaneOptions } from './watch-lane-options.js';
import { WatchStream } from './watch-stream.js';

type LaneState =
  | { readonly at: 'idle' }
  | {
      readonly at: 'connecting';
      readonly attempt: number;
      readonly connection: GrpcConnection | undefined;
      readonly endpoint: Endpoint;
      readonly settings: ConnectionSettings;
    }
  | {
      readonly at: 'open';
      readonly stream: WatchStream;
      /** Those it was made with. */
      readonly settings: ConnectionSettings;
    }
  | { readonly at: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly at: 'closed' };

const BACKOFF = { initialMs: 20, maxMs: 1000 } as const;

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
  #nextEndpoint: number;
  #failures = 0;
  readonly #judge = new LaneFailures();
  #attempt = 0;
  #paused = false;
  #resumedAt = -Infinity;
  /** While it runs the stream stays, used or not. */
  #keeping: NodeJS.Timeout | undefined;

  constructor(options: WatchLaneOptions) {
    this.lane = options.lane;
    this.#options = options;
    this.#fragments = options.fragments;
    this.#nextEndpoint = options.firstEndpoint;
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
    if (this.#state.at === 'idle') this.#connect();
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
    this.#enter({ at: 'idle' });
    this.#connect();
  }

  /** Gives a stream of this lane up, as if it had ended by itself. */
  drop(stream: WatchStream, error: EtcdError): void {
    if (!this.has(stream)) return;
    stream.reset();
    this.#onEnded(stream, error);
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
    this.#failures = 0;
    this.#judge.reset();
    this.#nextEndpoint = firstEndpoint;
    if (this.#state.at === 'open') {
      const { stream, settings } = this.#state;
      if (!keepsConnection(stream.connection.endpoint, settings, this.#options.context.settings)) this.replace();
    } else if (this.#state.at === 'connecting') {
      const { endpoint, settings } = this.#state;
      if (keepsConnection(endpoint, settings, this.#options.context.settings)) return;
      this.#enter({ at: 'idle' });
      this.#connect();
    } else if (this.#state.at === 'waiting') {
      this.#enter({ at: 'idle' });
      this.#connect();
    }
  }

  /** Closes streams that nobody is on any more. */
  releaseUnused(): void {
    for (const stream of this.#draining) {
      if (stream.size > 0) continue;
      this.#discard(stream);
      const endpoint = stream.connection.endpoint.text;
      this.#options.context.status({ type: 'left', lane: this.lane, endpoint });
    }
    // What drains moves to the open stream, some of it later.
    if (this.#options.waiting() > 0 || this.#draining.size > 0 || this.#keeping !== undefined) return;
    if (this.#state.at === 'open' && this.#state.stream.size === 0) {
      const { stream } = this.#state;
      this.#fragments = this.#options.fragments;
      this.#enter({ at: 'idle' });
      this.#discard(stream);
    } else if (this.#state.at === 'waiting') {
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
    if (old.at === 'waiting') this.#options.context.timers.clear(old.timer);
    if (old.at === 'connecting' && (state.at === 'closed' || state.at === 'idle')) old.connection?.close();
    this.#state = state;
  }

  #connect(): void {
    const { context, guard, probeKey } = this.#options;
    const { settings } = context;
    const { endpoints } = settings;
    const endpoint = endpoints[this.#nextEndpoint++ % endpoints.length] as Endpoint; // the options table allows no empty list
    const attempt = ++this.#attempt;
    const isCurrent = (): boolean => this.#state.at === 'connecting' && this.#state.attempt === attempt;
    this.#enter({ at: 'connecting', attempt, connection: undefined, endpoint, settings });
    let own: GrpcConnection | undefined;
    const reached = reachMember({
      context,
      settings: this.#settings(),
      endpoint,
      guard,
      probeKey: probeKey(),
      opened: (connection) => {
        own = connection;
        this.#enter({ at: 'connecting', attempt, connection, endpoint, settings });
      },
      handlers: {
        onGoaway: () => {
          if (this.stream !== undefined && this.stream.connection === own) this.replace();
        },
        // Every stream and call on it has been told before; there is nothing else to do.
        onClose: () => undefined,
      },
    });
    reached.then(
      (member) => {
        if (isCurrent()) this.#open(member, settings);
        else member.connection.close();
      },
      (error: unknown) => {
        if (isCurrent()) this.#failed(endpoint.text, toEtcdError(error, 'unavailable'));
      },
    );
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
      trustsProgress: !serial && trustsRequestedProgress(member.version),
      tellsEveryCompaction: tellsEveryCompaction(member.version),
      fragments: this.#fragments,
      drawId,
      timers: context.timers,
      hooks: streamHooks,
      owner: {
        idsIgnored: (from) => {
          this.#serialMembers.add(endpoint);
          this.#nextEndpoint = Math.max(0, this.#nextEndpoint - 1);
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
    context.status({ type: 'connected', lane, endpoint, version: member.version });
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
    const { openedAt } = stream;
    const now = context.now();
    if (now - openedAt >= STABLE_MS) this.#failures = 0;
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
    context.status({
      type: 'disconnected',
      lane: this.lane,
      endpoint: stream.connection.endpoint.text,
      error: errorToPlain(error),
    });
    if (drained || this.stream !== stream) {
      this.#options.onLost(stream, loss);
      return;
    }
    // First the pause before the next attempt, then the watches: they ask for a stream at once.
    this.#retry(stream.connection.endpoint.text, error);
    this.#options.onLost(stream, loss);
  }

  #failed(endpoint: string, error: EtcdError): void {
    const { context, lane } = this.#options;
    context.status({ type: 'disconnected', lane, endpoint, error: errorToPlain(error) });
    this.#retry(endpoint, error);
    const hopeless = this.#judge.connectFailed(error);
    if (hopeless !== undefined) this.#options.onHopeless(hopeless);
  }

  #retry(endpoint: string, error: EtcdError): void {
    const { context, lane } = this.#options;
    if (error.code === 'no-leader') context.status({ type: 'no-leader', lane, endpoint });
    this.#failures += 1;
    // Other members are tried at once; a pause comes when all of them have failed.
    const members = context.settings.endpoints.length;
    const rounds = Math.floor(this.#failures / members);
    const delayMs = this.#failures % members === 0 ? backoffDelayMs(rounds, BACKOFF, context.random) : 0;
    const timer = context.timers.setTimeout(() => {
      this.#enter({ at: 'idle' });
      if (this.#dependents() > 0) this.#connect();
    }, delayMs);
    this.#enter({ at: 'waiting', timer });
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
