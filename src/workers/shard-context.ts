/** What every part of a shard shares: where to report, how to connect, the clock. Made once by the command loop. */
import type { ShardReport, ShardStatus } from '../wire/contract.js';
import type { MemberHealth } from '../member/member-health.js';
import type { ConnectionSettings } from '../wire/connection-settings.js';
import type { GuardedTimers } from '../wire/guarded-timers.js';
import type { TokenSource } from '../member/token-source.js';
import type { Metadata, OpenConnection } from '../grpc/grpc-connection.js';

export interface ShardContext {
  readonly shard: number;
  /** The newest settings; new connections use them. */
  settings: ConnectionSettings;
  readonly openConnection: OpenConnection;
  /** Which members failed lately, whichever lane found out. */
  readonly health: MemberHealth;
  /** Headers of every call, such as the token. */
  readonly metadata: () => Metadata;
  /** The token that they carry, and the way to another. */
  readonly tokens: TokenSource;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** From 0 up to 1, for jitter. */
  readonly random: () => number;
  /** An exception in a callback of theirs ends the shard, which is then started again. */
  readonly timers: GuardedTimers;
  readonly report: (report: ShardReport) => void;
  readonly status: (status: ShardStatus) => void;
}
