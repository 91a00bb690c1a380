/**
 * The connection for unary calls to one member: opened when it is first wanted, kept open, and opened again when it was lost,
 * after a pause that grows while that comes to nothing. Main thread. Owns its connections: the one for new calls, and those
 * before on which calls still run. Does not repeat calls or choose members.
 */
import type { ConnectionSettings, Endpoint } from '../../wire/connection-settings.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import type { GrpcConnection, OpenConnection } from '../../grpc/grpc-connection.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import { AttemptPause } from '../../member/attempt-pause.js';
import type { Timers } from '../../member/timers.js';
import { LiveConnection } from './live-connection.js';

/** What links are made with, the same for all of a client. */
export interface LinkParts {
  /** The transport of the settings, loaded when it is first needed. */
  readonly transport: (settings: ConnectionSettings) => Promise<OpenConnection>;
  readonly timers: Timers;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** From 0 up to 1, for jitter. */
  readonly random: () => number;
  /**
   * Whether the member belongs to the cluster: rejects where it does not, or cannot be asked now; false where it is to be asked
   * again. `undefined`: nobody is asked.
   */
  readonly identify: ((connection: GrpcConnection) => Promise<boolean>) | undefined;
  /** A member could not be connected to, or not be asked who it is. */
  readonly onFailure: (endpoint: string) => void;
}

type State =
  | { readonly at: 'idle' }
  | { readonly at: 'opening'; readonly opened: Promise<LiveConnection> }
  | { readonly at: 'open'; readonly live: LiveConnection }
  | { readonly at: 'closed' };

export class MemberLink {
  readonly endpoint: Endpoint;
  readonly #settings: ConnectionSettings;
  readonly #parts: LinkParts;
  readonly #connections = new Set<GrpcConnection>();
  /** Connections that came to nothing. */
  readonly #connectPause: AttemptPause;
  /** Questions that came to nothing. */
  readonly #identifyPause: AttemptPause;
  #state: State = { at: 'idle' };
  #identifying: Promise<void> | undefined;
  #isIdentified: boolean;

  constructor(endpoint: Endpoint, settings: ConnectionSettings, parts: LinkParts) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#parts = parts;
    this.#connectPause = new AttemptPause(parts.now, parts.random);
    this.#identifyPause = new AttemptPause(parts.now, parts.random);
    this.#isIdentified = parts.identify === undefined;
  }

  /** It has shown to belong to the cluster: it need not be asked. */
  identified(): void {
    this.#isIdentified = true;
  }

  /**
   * The connection for new calls, where there is one now.
   *
   * @param isForAnybody for calls that may go to any member, and so only to one of the cluster.
   */
  ready(isForAnybody: boolean): LiveConnection | undefined {
    const state = this.#state;
    if (state.at !== 'open' || (isForAnybody && !this.#isIdentified)) return undefined;
    return state.live.connection.acceptsStreams ? state.live : undefined;
  }

  /**
   * As {@link ready}, waiting for the connection. One attempt at a time, whoever asks; during the pause after one that failed, why
   * it did.
   *
   * @throws EtcdError always as `not-sent`: of no call anything was. `cluster-mismatch` of a member of another cluster.
   */
  async usable(isForAnybody: boolean): Promise<LiveConnection> {
    const live = this.ready(false) ?? (await this.#connected());
    if (isForAnybody && !this.#isIdentified) await this.#identify(live);
    return live;
  }

  /** Begins to connect, so that later calls find it so. */
  warm(): void {
    if (this.#state.at === 'idle' && this.#connectPause.failure === undefined) this.usable(true).catch(() => undefined); // told to whoever needs it
  }

  /** Gives a connection up that has gone silent: new calls connect anew. Those that wait on it keep their time limits. */
  giveUp(live: LiveConnection): void {
    this.#lost(live, this.#unreached('it gave no sign of life'));
    live.retire();
  }

  /** Ends everything that runs on it. Idempotent. */
  close(): void {
    this.#state = { at: 'closed' };
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  #connected(): Promise<LiveConnection> {
    const state = this.#state;
    if (state.at === 'closed') return Promise.reject(closed());
    if (state.at === 'opening') return state.opened;
    // It takes no calls, and its end is on the way.
    if (state.at === 'open') this.#lost(state.live, this.#unreached('it is closing the connection'));
    const { failure } = this.#connectPause;
    if (failure !== undefined) return Promise.reject(failure);
    const opened = this.#open();
    this.#state = { at: 'opening', opened };
    return opened;
  }

  async #open(): Promise<LiveConnection> {
    try {
      const open = await this.#parts.transport(this.#settings);
      if (this.#isClosed()) throw closed();
      const connection: GrpcConnection = open(this.endpoint, this.#settings, {
        onGoaway: (error) => this.#lost(live, error),
        onClose: (error) => {
          this.#connections.delete(connection);
          this.#lost(live, error);
        },
      });
      this.#connections.add(connection);
      const live = new LiveConnection(connection, this.#parts.timers, this.#parts.now, () =>
        this.#connectPause.passed(),
      );
      await connection.ready();
      if (this.#isClosed()) throw closed();
      if (!connection.acceptsStreams) throw this.#unreached('it ended the connection at once');
      this.#state = { at: 'open', live };
      return live;
    } catch (thrown) {
      const error = this.#notReached(toEtcdError(thrown));
      if (!this.#isClosed()) {
        this.#state = { at: 'idle' };
        this.#connectPause.failed(error);
        this.#parts.onFailure(this.endpoint.text);
      }
      throw error;
    }
  }

  /** The next call connects anew: at once where this one has served any, otherwise after a pause. */
  #lost(live: LiveConnection, error: EtcdError): void {
    if (this.#state.at !== 'open' || this.#state.live !== live) return;
    this.#state = { at: 'idle' };
    if (!live.hasServed) this.#connectPause.failed(this.#notReached(error));
  }

  /** One question serves all who wait. */
  #identify(live: LiveConnection): Promise<void> {
    const { failure } = this.#identifyPause;
    if (failure !== undefined) return Promise.reject(failure);
    this.#identifying ??= this.#ask(live).finally(() => {
      this.#identifying = undefined;
    });
    return this.#identifying;
  }

  async #ask(live: LiveConnection): Promise<void> {
    try {
      const isIdentified = (await this.#parts.identify?.(live.connection)) !== false;
      this.#identifyPause.passed();
      if (isIdentified) this.#isIdentified = true;
    } catch (thrown) {
      const error = toEtcdError(thrown);
      this.#identifyPause.failed(error);
      this.#parts.onFailure(this.endpoint.text);
      if (error.grpcStatus === GrpcStatus.DEADLINE_EXCEEDED) this.giveUp(live);
      throw error;
    }
  }

  /** What came to the connection, told of a call that was not sent. Material that cannot be used stays what it is. */
  #notReached(error: EtcdError): EtcdError {
    if (error.code === 'invalid-argument' || error.code === 'closed' || error.code === 'internal') return error;
    const { endpoint, cause } = error;
    return new EtcdError(error.message, { ...UNREACHED, endpoint: endpoint ?? this.endpoint.text, cause });
  }

  #unreached(why: string): EtcdError {
    const endpoint = this.endpoint.text;
    return new EtcdError(`cannot connect to ${endpoint}: ${why}`, { ...UNREACHED, endpoint });
  }

  /** Asked anew after waiting. */
  #isClosed(): boolean {
    return this.#state.at === 'closed';
  }
}

const UNREACHED = { code: 'unavailable', grpcStatus: 14, outcome: 'not-sent', retryable: true } as const;

function closed(): EtcdError {
  return new EtcdError('the connection is closed', { code: 'closed', outcome: 'not-sent' });
}
