/**
 * The search for a usable connection: tries endpoints in turn, does not wait long for a silent one before it tries the next
 * beside it, backs off after a round of failures, and stops at the first member that answers. Owns the connections it
 * opens until one is found.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { EtcdError, otherCluster, toEtcdError } from '../../wire/errors.js';
import type { Credentials } from '../credentials.js';
import { decodeStatus, memberStatus, type MemberStatus } from '../../member/member-status.js';
import type { GrpcConnection, OpenConnection } from '../../grpc/grpc-connection.js';
import type { LeaseTimers, TimerHandle } from './engine-parts.js';

/** A connection that answered, with what the member says of itself. */
export interface Lane {
  readonly connection: GrpcConnection;
  /** Its place in the newest settings; -1 where it is not among them. */
  endpointIndex: number;
  /** The endpoint as configured. */
  readonly endpoint: string;
  readonly status: MemberStatus;
}

export interface SeekInit {
  readonly settings: ConnectionSettings;
  readonly open: OpenConnection;
  readonly credentials: Credentials;
  readonly timers: LeaseTimers;
  readonly random: () => number;
  /** Endpoint indexes in the order to try. */
  readonly order: readonly number[];
  /** Whether a member will do; `undefined` is yes, a text says why not. */
  readonly refuse: (status: MemberStatus) => string | undefined;
  /** Whether a member belongs to another cluster. */
  readonly isForeign: ((endpoint: string, clusterId: bigint) => boolean) | undefined;
  /** Go through the order once only. */
  readonly once: boolean;
  /** The seek is over; the connection is the caller's. */
  readonly onFound: (lane: Lane) => void;
  readonly onFailure: (endpoint: string, error: EtcdError) => void;
  readonly onExhausted: () => void;
  /** A connection that was found has ended, or is asked to go (GOAWAY) while it still runs. */
  readonly onClose: (connection: GrpcConnection, error: EtcdError) => void;
  readonly onGoaway: (connection: GrpcConnection) => void;
}

/** A silent endpoint gets company after this long. */
const STAGGER_MS = 700;
const STATUS_TIMEOUT_MS = 1_500;
const MAX_PARALLEL = 4;
/** Short at its longest: leases of a few seconds must survive a restart of their server. */
const BACKOFF = { initialMs: 50, maxMs: 1_000 } as const;

/** For members that refuse Status (a proxy, missing rights): usable, nothing known. */
const UNKNOWN_STATUS: MemberStatus = decodeStatus(new Uint8Array(0));

export class ConnectionSeek {
  readonly #init: SeekInit;
  readonly #open = new Set<GrpcConnection>();
  #attempts = 0;
  #timer: TimerHandle | undefined;
  #over = false;

  constructor(init: SeekInit) {
    this.#init = init;
    this.#next();
  }

  cancel(): void {
    this.#finish();
  }

  #finish(kept?: GrpcConnection): void {
    this.#over = true;
    this.#init.timers.clear(this.#timer);
    for (const connection of this.#open) if (connection !== kept) connection.close();
    this.#open.clear();
  }

  #next(): void {
    const { order, settings, timers, once } = this.#init;
    if (this.#over || this.#open.size >= MAX_PARALLEL) return;
    if (once && this.#attempts >= order.length) {
      if (this.#open.size === 0) {
        this.#finish();
        this.#init.onExhausted();
      }
      return;
    }
    const endpointIndex = order[this.#attempts % order.length] ?? 0;
    const endpoint = settings.endpoints[endpointIndex];
    if (endpoint === undefined) return;
    this.#attempts += 1;
    this.#timer = timers.set(() => {
      this.#next();
    }, STAGGER_MS);
    let found = false;
    let isGoing = false;
    const connection = this.#init.open(endpoint, settings, {
      onGoaway: () => {
        isGoing = true;
        if (found) this.#init.onGoaway(connection);
      },
      onClose: (error) => {
        if (found) this.#init.onClose(connection, error);
      },
    });
    this.#open.add(connection);
    this.#examine(connection).then(
      (status) => {
        if (this.#over) return;
        // It still answers, but opens no streams: as a lane it would be asked for some for ever.
        if (isGoing) {
          this.#failed(connection, endpoint.text, leaving(endpoint.text));
          return;
        }
        found = true;
        this.#finish(connection);
        this.#init.onFound({ connection, endpointIndex, endpoint: endpoint.text, status });
      },
      (thrown: unknown) => {
        this.#failed(connection, endpoint.text, toEtcdError(thrown, 'connect-failed'));
      },
    );
  }

  async #examine(connection: GrpcConnection): Promise<MemberStatus> {
    await connection.ready();
    const { credentials, isForeign, refuse } = this.#init;
    await credentials.renew(connection);
    const status = await memberStatus(connection, STATUS_TIMEOUT_MS, credentials.metadata()).catch(
      (thrown: unknown): MemberStatus => {
        const error = toEtcdError(thrown);
        if (error.outcome === 'refused' && !error.retryable) return UNKNOWN_STATUS;
        throw error;
      },
    );
    const endpoint = connection.endpoint.text;
    if (isForeign?.(endpoint, status.header.clusterId) === true) throw otherCluster(endpoint);
    const reason = status.isLearner ? 'the member is a learner, which keeps no leases' : refuse(status);
    if (reason !== undefined) throw new EtcdError(reason, { code: 'no-leader', endpoint });
    return status;
  }

  #failed(connection: GrpcConnection, endpoint: string, error: EtcdError): void {
    if (this.#over) return;
    this.#open.delete(connection);
    connection.close();
    const { timers, order, random, onFailure } = this.#init;
    onFailure(endpoint, error);
    timers.clear(this.#timer);
    const rounds = Math.floor(this.#attempts / order.length);
    const isRoundOver = this.#attempts % order.length === 0;
    const delayMs = isRoundOver && !this.#init.once ? backoffDelayMs(rounds, BACKOFF, random) : 0;
    this.#timer = timers.set(() => {
      this.#next();
    }, delayMs);
  }
}

function leaving(endpoint: string): EtcdError {
  const message = 'the member asked to go (GOAWAY) while it was looked at';
  return new EtcdError(message, { code: 'unavailable', outcome: 'not-sent', endpoint });
}
