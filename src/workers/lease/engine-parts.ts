/**
 * What the parts of the lease engine are given from outside: clocks, timers, randomness, the way to etcd. Types only.
 */
import type { Credentials } from '../credentials.js';
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import type { ShardStatus } from '../../wire/contract.js';
import type { LeaseReport } from '../../wire/lease-contract.js';
import type { OpenConnection } from '../../grpc/grpc-connection.js';
import type { MemberHealth } from '../../member/member-health.js';
import type { Timers } from '../../member/timers.js';

export interface LeaseClock {
  /** The clock of monotonic-clock.ts. */
  monotonicMs(): number;
  wallMs(): number;
  /** Time since the machine started, suspensions included; `undefined` where the system does not tell. */
  bootMs?(): number | undefined;
  /** The step in which that is counted. Default 0. */
  readonly bootStepMs?: number | undefined;
}

/**
 * Notices that the machine slept or main hung, and ends the leases that this ended. Gives all the time slept so far, in ms:
 * added to the monotonic clock, it makes a time that passes as it does on the servers.
 */
export type LookAtClocks = () => number;

/** Everything the lease engine of one shard is built from. */
export interface LeaseEngineInit {
  readonly settings: ConnectionSettings;
  readonly open: OpenConnection;
  /** Index into the endpoints where this shard begins. */
  readonly firstEndpoint: number;
  readonly credentials: Credentials;
  readonly clock: LeaseClock;
  readonly timers: Timers;
  /** Shared with whatever else of this thread looks for members. */
  readonly health: MemberHealth;
  /** As `Math.random`. */
  readonly random: () => number;
  /** Whether the member behind this endpoint, which says that it belongs to this cluster, is not to be used. Default: never. */
  readonly isForeign?: ((endpoint: string, clusterId: bigint) => boolean) | undefined;
  /** Called as each grant or revocation is sent; what it returns, with the bytes of the answer. */
  readonly onCall?: (() => (answer: Uint8Array) => void) | undefined;
  readonly state: SharedArrayBuffer;
  readonly report: (report: LeaseReport | { readonly kind: 'status'; readonly status: ShardStatus }) => void;
}
