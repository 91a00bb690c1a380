/**
 * The connection that a shard's leases use: finds one, replaces it when it dies, stalls or is asked to go, and prefers the
 * leader, because any other member forwards each renewal to it. Owns the connections; knows no streams and no leases.
 */
import type { ConnectionSettings, Endpoint } from '../../wire/connection-settings.js';
import type { ShardStatus } from '../../wire/contract.js';
import { type EtcdError, errorToPlain } from '../../wire/errors.js';
import { keepsConnection, sameAddress } from '../../wire/settings-change.js';
import { remedyFor } from '../../member/failure.js';
import { memberStatus, type MemberStatus } from '../../member/member-status.js';
import type { GrpcConnection } from '../../grpc/grpc-connection.js';
import { MemberSearch, type MemberAttempt } from '../../member/member-search.js';
import { reachMember, unusable, type ReachedMember, type ReachWish } from '../../member/reach-member.js';
import type { TimerHandle } from '../../member/timers.js';
import type { LeaseEngineInit } from './engine-parts.js';

/** A connection that answered, with what the member says of itself. */
export interface Lane {
  readonly connection: GrpcConnection;
  /** Its place in the newest settings; -1 where it is not among them. */
  endpointIndex: number;
  /** The endpoint as configured. */
  readonly endpoint: string;
  readonly status: MemberStatus;
}

/** What is carried over a lane, each kind failing by itself: a proxy may serve the one and not the other. */
export type Traffic = 'renewals' | 'calls';

export interface LaneHandlers {
  /** New calls go over this lane from now on. The one before is retired right after. */
  onUp(lane: Lane): void;
  /**
   * Nothing new over this lane. It has ended, or does so at once, unless it lingers: then what is on its way may still be
   * answered.
   */
  onRetired(lane: Lane, lingers: boolean): void;
}

const STATUS_TIMEOUT_MS = 1_500;
/** So many failures of a kind in a row, with no answer in between: another member may do better. */
const COMPLAINTS = 3;
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
  #seek: MemberSearch<ReachedMember> | undefined;
  /**
   * Searches since something was answered, each of which begins with a pause that grows: a member that takes connections and then
   * fails them must not be asked in a loop.
   */
  #searches = 0;
  #complaints: Record<Traffic, number> = { renewals: 0, calls: 0 };
  #leaderSeek: MemberSearch<ReachedMember> | undefined;
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
    if (this.#closed || this.#current !== undefined || this.#seek !== undefined) return;
    this.#search();
  }

  /** Something was answered over a lane. */
  answered(traffic: Traffic): void {
    this.#searches = 0;
    this.#complaints[traffic] = 0;
  }

  /** Something failed over a lane at once, with an answer that is not about one lease: another member may not give it. */
  complain(lane: Lane, traffic: Traffic, error: EtcdError): void {
    if (lane !== this.#current || remedyFor(error) === 'new-token') return;
    this.#complaints[traffic] += 1;
    if (error.code === 'no-leader' || error.code === 'timeout' || this.#complaints[traffic] >= COMPLAINTS) {
      this.suspect(lane);
    }
  }

  /** The lane does not answer: another one is opened, on another member where there is one, and takes over when it answers. */
  suspect(lane: Lane): void {
    if (this.#closed || lane !== this.#current || this.#seek !== undefined) return;
    this.#init.health.failed(lane.endpoint);
    this.#nextEndpoint = lane.endpointIndex + 1;
    this.#search();
  }

  /**
   * Moves to the new settings as soon as they have led to a connection; until then the present one goes on. It stays where its
   * member is still there with the same credentials.
   */
  update(settings: ConnectionSettings, firstEndpoint: number): void {
    if (this.#closed) return;
    const before = this.#settings;
    const wasSeeking = this.#seek !== undefined;
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

  #stopSeeks(): void {
    this.#seek?.cancel();
    this.#leaderSeek?.cancel();
    this.#seek = undefined;
    this.#leaderSeek = undefined;
  }

  /** @param lingers what is on its way over the present lane may still be answered there. */
  #search(lingers: boolean = false): void {
    const { timers, random, health } = this.#init;
    const settings = this.#settings;
    const texts = settings.endpoints.map(({ text }) => text);
    const failedRounds = this.#searches;
    this.#searches += 1;
    // A member without a leader cannot renew. A single one is taken as it is: there is nothing better.
    const refuse: ReachWish['refuse'] = ({ header, leaderId }, endpoint) =>
      texts.length > 1 && header.memberId !== 0n && leaderId === 0n
        ? unusable(endpoint, 'it has no leader', 'no-leader')
        : undefined;
    this.#seek = new MemberSearch({
      timers,
      random,
      order: () => health.order(texts, this.#nextEndpoint % texts.length),
      failedRounds,
      attempt: (place) => this.#reach(settings, place, refuse),
      onFound: (member, place) => {
        this.#seek = undefined;
        this.#swap(laneOf(member, place), lingers);
        this.#watchLeader();
      },
      onFailure: (place, error) => {
        const endpoint = texts[place] ?? '';
        this.#lastError = error;
        health.failed(endpoint);
        this.#tell({ type: 'disconnected', lane: 'lease', endpoint, error: errorToPlain(error) });
      },
    });
  }

  #reach(settings: ConnectionSettings, place: number, refuse: ReachWish['refuse']): MemberAttempt<ReachedMember> {
    const { open, credentials, isForeign } = this.#init;
    const attempt = reachMember({
      context: { settings, openConnection: open, metadata: () => credentials.metadata() },
      settings,
      endpoint: settings.endpoints[place] as Endpoint, // a place of the order
      answerTimeoutMs: STATUS_TIMEOUT_MS,
      logIn: (connection) => credentials.renew(connection),
      isForeign,
      refuse,
      handlers: {
        onClose: (error) => {
          this.#ended(attempt.connection, error);
        },
        onGoaway: () => {
          if (attempt.connection !== this.#current?.connection || this.#seek !== undefined) return;
          this.#nextEndpoint = this.#current.endpointIndex;
          this.#search(true);
        },
      },
    });
    return attempt;
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
    this.#init.timers.clear(this.#leaderTimer);
    this.#leaderTimer = this.#init.timers.set(() => {
      void this.#recheckLeader(lane);
    }, LEADER_CHECK_MS);
  }

  #seekLeader(lane: Lane): void {
    if (this.#closed || lane !== this.#current || this.#seek !== undefined || this.#leaderSeek !== undefined) return;
    const { health } = this.#init;
    // One that has just been left for its failures is not gone back to for being the leader.
    const others = this.#settings.endpoints
      .map(({ text }, index) => ({ text, index }))
      .filter(({ text, index }) => index !== lane.endpointIndex && !health.isAvoided(text))
      .map(({ index }) => index);
    if (others.length === 0) return;
    const refuse: ReachWish['refuse'] = ({ header, leaderId }, endpoint) =>
      leaderId !== 0n && leaderId === header.memberId ? undefined : unusable(endpoint, 'it is not the leader');
    const { timers, random } = this.#init;
    const settings = this.#settings;
    this.#leaderSeek = new MemberSearch({
      timers,
      random,
      isOnce: true,
      order: () => others,
      attempt: (place) => this.#reach(settings, place, refuse),
      onFound: (leader, place) => {
        this.#stopSeeks();
        this.#swap(laneOf(leader, place), true);
        this.#watchLeader();
      },
      onFailure: () => undefined, // the present lane serves
      onExhausted: () => {
        this.#leaderSeek = undefined;
      },
    });
  }

  #tell(status: ShardStatus): void {
    this.#init.report({ kind: 'status', status });
  }
}

function laneOf({ connection, status }: ReachedMember, endpointIndex: number): Lane {
  return { connection, endpointIndex, endpoint: connection.endpoint.text, status };
}
