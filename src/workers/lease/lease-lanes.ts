/**
 * The connection that a shard's leases use: finds one, replaces it when it dies, stalls or is asked to go, and prefers the
 * leader, because any other member forwards each renewal to it. Owns the connections; knows no streams and no leases.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { backoffDelayMs } from '../../wire/backoff.js';
import type { ShardStatus } from '../../wire/contract.js';
import { type EtcdError, errorToPlain } from '../../wire/errors.js';
import { keepsConnection, sameAddress } from '../../wire/settings-change.js';
import { memberStatus, type MemberStatus } from '../../member/member-status.js';
import type { GrpcConnection } from '../../grpc/grpc-connection.js';
import { ConnectionSeek, type Lane } from './connection-seek.js';
import type { LeaseEngineInit, TimerHandle } from './engine-parts.js';

export type { Lane } from './connection-seek.js';

export interface LaneHandlers {
  /** New calls go over this lane from now on. The one before is retired right after. */
  onUp(lane: Lane): void;
  /**
   * Nothing new over this lane. It has ended, or does so at once, unless it lingers: then what is on its way may still be
   * answered.
   */
  onRetired(lane: Lane, lingers: boolean): void;
}

/** Before the next search, after lanes over which nothing was answered. The first one is not waited for. */
const BACKOFF = { initialMs: 50, maxMs: 1_000 } as const;
/** How long a lane that is left in peace may still answer. */
const LINGER_MS = 5_000;
const LEADER_CHECK_MS = 30_000;
const CHECK_TIMEOUT_MS = 2_000;

export class LeaseLanes {
  readonly #init: Omit<LeaseEngineInit, 'state'>;
  readonly #handlers: LaneHandlers;
  #settings: ConnectionSettings;
  #nextEndpoint: number;
  #current: Lane | undefined;
  /** The search for the first, next or a replacing connection. */
  #seek: ConnectionSeek | undefined;
  /** Set while the next search waits. */
  #searchTimer: TimerHandle | undefined;
  /** Searches since something was answered: a member that takes connections and then fails them must not be asked in a loop. */
  #searches = 0;
  #leaderSeek: ConnectionSeek | undefined;
  readonly #lingering = new Map<Lane, TimerHandle>();
  #leaderTimer: TimerHandle | undefined;
  #closed = false;
  #lastError: EtcdError | undefined;
  /** The current connection is of settings that have been replaced. */
  #isLeaving = false;

  constructor(init: Omit<LeaseEngineInit, 'state'>, handlers: LaneHandlers) {
    this.#init = init;
    this.#handlers = handlers;
    this.#settings = init.settings;
    this.#nextEndpoint = init.firstEndpoint;
  }

  /** The lane for new calls, while there is one. */
  get current(): Lane | undefined {
    return this.#current;
  }

  /** Why there is no lane, for the error of calls that give up waiting for one. */
  get lastError(): EtcdError | undefined {
    return this.#lastError;
  }

  /** Connects unless connected or connecting. */
  need(): void {
    if (this.#closed || this.#current !== undefined || this.#isSearching) return;
    this.#searchSoon();
  }

  /** Something was answered over a lane. */
  answered(): void {
    this.#searches = 0;
  }

  /** The lane does not answer: another one is opened, on another member where there is one, and takes over when it answers. */
  suspect(lane: Lane): void {
    if (this.#closed || lane !== this.#current || this.#isSearching) return;
    this.#nextEndpoint = lane.endpointIndex + 1;
    this.#searchSoon();
  }

  /**
   * Moves to the new settings as soon as they have led to a connection; until then the present one goes on. It stays where its
   * member is still there with the same credentials.
   */
  update(settings: ConnectionSettings, firstEndpoint: number): void {
    if (this.#closed) return;
    const before = this.#settings;
    const wasSeeking = this.#isSearching;
    this.#settings = settings;
    this.#nextEndpoint = firstEndpoint;
    this.#stopSeeks();
    const lane = this.#current;
    if (lane === undefined) {
      if (wasSeeking) this.#search();
      return;
    }
    if (this.#isLeaving || !keepsConnection(lane.connection.endpoint, before, settings)) {
      this.#isLeaving = true;
      this.#search(true);
      return;
    }
    // It may stand elsewhere in the list now.
    lane.endpointIndex = settings.endpoints.findIndex((other) => sameAddress(other, lane.connection.endpoint));
    if (wasSeeking) this.#search();
    else this.#watchLeader();
  }

  /** Ends every connection at once. No handler is called afterwards. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#stopSeeks();
    this.#init.timers.clear(this.#leaderTimer);
    for (const [lane, timer] of this.#lingering) {
      this.#init.timers.clear(timer);
      lane.connection.close();
    }
    this.#lingering.clear();
    this.#current?.connection.close();
    this.#current = undefined;
  }

  get #isSearching(): boolean {
    return this.#seek !== undefined || this.#searchTimer !== undefined;
  }

  #stopSeeks(): void {
    this.#init.timers.clear(this.#searchTimer);
    this.#searchTimer = undefined;
    this.#seek?.cancel();
    this.#leaderSeek?.cancel();
    this.#seek = undefined;
    this.#leaderSeek = undefined;
  }

  #searchSoon(lingers: boolean = false): void {
    const failures = this.#searches;
    this.#searches += 1;
    if (failures === 0) {
      this.#search(lingers);
      return;
    }
    const { timers, random } = this.#init;
    this.#searchTimer = timers.set(
      () => {
        this.#searchTimer = undefined;
        this.#search(lingers);
      },
      backoffDelayMs(failures, BACKOFF, random),
    );
  }

  #search(lingers: boolean = false): void {
    const count = this.#settings.endpoints.length;
    const order = Array.from({ length: count }, (_, i) => (this.#nextEndpoint + i) % count);
    // A member without a leader cannot renew. A single one is taken as it is: there is nothing better.
    const refuse = (status: MemberStatus): string | undefined =>
      count > 1 && status.header.memberId !== 0n && status.leaderId === 0n ? 'the member has no leader' : undefined;
    this.#seek = this.#start(order, refuse, false, (lane) => {
      this.#seek = undefined;
      this.#swap(lane, lingers);
      this.#watchLeader();
    });
  }

  #start(
    order: readonly number[],
    refuse: (status: MemberStatus) => string | undefined,
    once: boolean,
    onFound: (lane: Lane) => void,
  ): ConnectionSeek {
    const { open, credentials, timers, random, isForeign } = this.#init;
    return new ConnectionSeek({
      settings: this.#settings,
      open,
      credentials,
      timers,
      random,
      order,
      refuse,
      isForeign,
      once,
      onFound,
      onFailure: (endpoint, error) => {
        if (once) return;
        this.#lastError = error;
        this.#tell({ type: 'disconnected', lane: 'lease', endpoint, error: errorToPlain(error) });
      },
      onExhausted: () => {
        this.#leaderSeek = undefined;
      },
      onClose: (connection, error) => {
        this.#ended(connection, error);
      },
      onGoaway: (connection) => {
        if (connection !== this.#current?.connection || this.#isSearching) return;
        this.#nextEndpoint = this.#current.endpointIndex;
        this.#searchSoon(true);
      },
    });
  }

  #swap(lane: Lane, lingers: boolean): void {
    const before = this.#current;
    this.#current = lane;
    this.#isLeaving = false;
    this.#lastError = undefined;
    this.#tell({ type: 'connected', lane: 'lease', endpoint: lane.endpoint, version: lane.status.version });
    this.#handlers.onUp(lane);
    if (before === undefined) return;
    this.#handlers.onRetired(before, lingers);
    if (!lingers) {
      this.#leave(before);
      return;
    }
    const timer = this.#init.timers.set(() => {
      this.#lingering.delete(before);
      this.#leave(before);
    }, LINGER_MS);
    this.#lingering.set(before, timer);
  }

  #leave(lane: Lane): void {
    lane.connection.close();
    this.#tell({ type: 'left', lane: 'lease', endpoint: lane.endpoint });
  }

  #ended(connection: GrpcConnection, error: EtcdError): void {
    for (const [lane, timer] of this.#lingering) {
      if (lane.connection !== connection) continue;
      this.#init.timers.clear(timer);
      this.#lingering.delete(lane);
      this.#leave(lane);
    }
    const lane = this.#current;
    if (lane === undefined || lane.connection !== connection) return;
    this.#current = undefined;
    this.#isLeaving = false;
    this.#lastError = error;
    this.#leaderSeek?.cancel();
    this.#leaderSeek = undefined;
    this.#tell({ type: 'disconnected', lane: 'lease', endpoint: lane.endpoint, error: errorToPlain(error) });
    this.#handlers.onRetired(lane, false);
    this.#nextEndpoint = lane.endpointIndex + 1;
    this.need();
  }

  /** With several members: looks for the leader now, and again now and then, since it changes. */
  #watchLeader(): void {
    const { timers } = this.#init;
    timers.clear(this.#leaderTimer);
    const lane = this.#current;
    if (lane === undefined || this.#settings.endpoints.length < 2 || lane.status.leaderId === 0n) return;
    if (lane.status.leaderId !== lane.status.header.memberId) this.#seekLeader(lane);
    this.#leaderTimer = timers.set(() => {
      void this.#recheckLeader(lane);
    }, LEADER_CHECK_MS);
  }

  async #recheckLeader(lane: Lane): Promise<void> {
    try {
      const status = await memberStatus(lane.connection, CHECK_TIMEOUT_MS, this.#init.credentials.metadata());
      if (status.leaderId !== 0n && status.leaderId !== status.header.memberId) this.#seekLeader(lane);
    } catch {
      // A lane that is in trouble is noticed by its streams; this is only about a better one.
    }
    if (this.#closed || lane !== this.#current) return;
    this.#leaderTimer = this.#init.timers.set(() => {
      void this.#recheckLeader(lane);
    }, LEADER_CHECK_MS);
  }

  #seekLeader(lane: Lane): void {
    if (this.#closed || lane !== this.#current || this.#isSearching || this.#leaderSeek !== undefined) return;
    const others = this.#settings.endpoints.map((_, index) => index).filter((index) => index !== lane.endpointIndex);
    const refuse = (status: MemberStatus): string | undefined =>
      status.leaderId !== 0n && status.leaderId === status.header.memberId ? undefined : 'the member is not the leader';
    this.#leaderSeek = this.#start(others, refuse, true, (leader) => {
      this.#stopSeeks();
      this.#swap(leader, true);
      this.#watchLeader();
    });
  }

  #tell(status: ShardStatus): void {
    this.#init.report({ kind: 'status', status });
  }
}
