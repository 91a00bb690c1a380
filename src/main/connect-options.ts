/**
 * The options of `connect`: their types, rules and defaults, and what they become. Main thread. Reads certificate files;
 * contacts nothing.
 */
import * as os from 'node:os';
import { parseEndpoints } from '../wire/endpoint.js';
import type { ConnectionSettings, Endpoint, TransportKind } from '../wire/connection-settings.js';
import type { ShardLimits } from '../wire/contract.js';
import {
  booleanRule,
  checkOptions,
  choiceRule,
  integerRule,
  invalidOption,
  signalRule,
  textRule,
  type OptionTable,
} from '../wire/arguments.js';
import { authRule, resolveAuth, type AuthFunction, type AuthOptions, type ResolvedAuth } from './auth/auth-options.js';
import { readTls, tlsRule, type TlsOptions } from './tls-options.js';

export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** Options of {@link connect}. Everything but `endpoints` has a default. */
export interface ConnectOptions {
  /**
   * The members: one endpoint, several with commas between them, or an array. `http://host:port`, `https://host:port`,
   * `host:port` (plain HTTP/2), `unix:///path`, `unix://host:port`.
   */
  readonly endpoints: string | readonly string[];
  /**
   * Certificates for `https://` and `unixs://` endpoints. Without it the authorities that come with Node are trusted. Files are read
   * again when they change: connections move to the new certificates, and nothing is lost.
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * Who this is to a cluster that has authentication on: a user with a password (or a file that holds it, read again when it
   * changes), a token, or a function that gives either and is asked again when the server refuses what it gave. A cluster without
   * authentication is used without. Over plain `http://` a password and a token can be read on the way.
   */
  readonly auth?: AuthOptions | AuthFunction | undefined;
  /** A name under which `connection(name)` finds this engine anywhere in the process, until it is closed. */
  readonly name?: string | undefined;
  /**
   * Worker threads that hold watches and leases, 1 to 64, or `'inline'` to run the same code on the calling thread.
   * Default: one less than the machine's cores, at least 1 and at most 4.
   */
  readonly shards?: number | 'inline' | undefined;
  /** What carries streams and calls: `'http2'` (default, fastest) or `'grpc-js'` (for its proxies and channel options). */
  readonly transport?: TransportKind | undefined;
  /** Limit for one connection attempt, and in `connect` for a member to answer. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Limit for a unary request (kv) that gives none of its own. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** A PING is sent this long after the last one was answered. At least 5,000: etcd ends connections that ping faster. Default 30,000. */
  readonly pingIntervalMs?: number | undefined;
  /** A connection whose PING is not answered within this is given up and its watches move on. Default 10,000. */
  readonly pingTimeoutMs?: number | undefined;
  /**
   * How long events may wait for others to be read and handed over with, while they are many (more than some 1,000 a second);
   * 0 to 100 ms. Longer costs less CPU for each event, since being woken costs more than reading; few events wait only after
   * a burst. With 0 none does. Default 20, and 50 for `shards: 'inline'`, where it is the application's thread that is woken.
   */
  readonly flushIntervalMs?: number | undefined;
  /** Bytes of events that each shard may have on their way to a main thread that does not run. Default 8 MiB. */
  readonly creditBytes?: number | undefined;
  /** A single revision of a single watch larger than this ends that watch with `revision-too-large`. Default 256 MiB. */
  readonly maxRevisionBytes?: number | undefined;
  /** HTTP/2 receive window of a stream. Default 4 MiB. */
  readonly streamWindowBytes?: number | undefined;
  /** HTTP/2 receive window of a connection; at least the stream's. Default 8 MiB. */
  readonly connectionWindowBytes?: number | undefined;
  /** The largest single message accepted on a stream; answers to kv calls may be of any size. Default 512 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Give every lease up when the calling thread has not run for this long, at least 500, so that a hung application does
   * not keep its locks: leases end as `halted` and run out on the server. Default: never, a blocked thread loses no lease.
   */
  readonly livenessMs?: number | undefined;
  /** Contact nothing and start no thread until the first call needs it; `connect` then never fails for a server that is away. Default false. */
  readonly lazy?: boolean | undefined;
  /** Gives up connecting. Later it has no effect: use `close()`. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link ConnectOptions} checked, with defaults filled in and files read. */
export interface EngineOptions {
  readonly settings: ConnectionSettings;
  readonly limits: ShardLimits;
  readonly name: string | undefined;
  readonly shards: number | 'inline';
  readonly requestTimeoutMs: number;
  readonly lazy: boolean;
  readonly livenessMs: number | undefined;
  /** The option as given, so that its files can be read again. */
  readonly tls: TlsOptions | undefined;
  readonly auth: ResolvedAuth | undefined;
}

const MiB = 1024 * 1024;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A wake costs some 0.5 ms of CPU, most of it code that has gone cold: with 50 ms that is 1 % of the application's thread. */
const INLINE_FLUSH_INTERVAL_MS = 50;
/** A shard's own thread can be woken more often, for the sake of latency. */
const FLUSH_INTERVAL_MS = 20;

export const CONNECT_RULES: OptionTable<ConnectOptions> = {
  endpoints: () => undefined, // parseEndpoints checks and explains them
  tls: tlsRule,
  auth: authRule,
  name: textRule,
  shards: (value, name) => {
    if (value === 'inline') return;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 64) return;
    throw invalidOption(`${name} must be a whole number from 1 to 64, or 'inline', not ${shown(value)}`);
  },
  transport: choiceRule('http2', 'grpc-js'),
  connectTimeoutMs: integerRule(1, MAX_TIMER_MS),
  requestTimeoutMs: integerRule(1, MAX_TIMER_MS),
  // etcd answers PINGs that come less than 5 s apart with GOAWAY "too_many_pings".
  pingIntervalMs: integerRule(5_000, MAX_TIMER_MS),
  pingTimeoutMs: integerRule(100, MAX_TIMER_MS),
  // Longer, a thread's leases and PINGs would wait noticeably.
  flushIntervalMs: integerRule(0, 100),
  creditBytes: integerRule(64 * 1024, 2 ** 31 - 1),
  maxRevisionBytes: integerRule(1024, 2 ** 32 - 1),
  // HTTP/2 allows windows up to 2^31 - 1; below 64 KiB - 1 (its default) they would only cost speed.
  streamWindowBytes: integerRule(65_535, 2 ** 31 - 1),
  connectionWindowBytes: integerRule(65_535, 2 ** 31 - 1),
  maxMessageBytes: integerRule(1024, 2 ** 31 - 1),
  livenessMs: integerRule(500, MAX_TIMER_MS),
  lazy: booleanRule,
  signal: signalRule,
};

/**
 * Checks the options of `connect` and makes the settings of an engine from them.
 *
 * @throws EtcdError `invalid-argument` for anything that is not allowed, including a file that cannot be read.
 */
export async function resolveConnectOptions(given: ConnectOptions): Promise<EngineOptions> {
  checkOptions<ConnectOptions>(given, CONNECT_RULES, 'connect');
  const endpoints = parseEndpoints(given.endpoints, 'connect');
  if (given.tls !== undefined) refusePlainWithTls(endpoints, 'connect');
  const shards = given.shards ?? defaultShards(os.availableParallelism());
  const streamWindowBytes = given.streamWindowBytes ?? 4 * MiB;
  const connectionWindowBytes = given.connectionWindowBytes ?? Math.max(8 * MiB, streamWindowBytes);
  if (connectionWindowBytes < streamWindowBytes) {
    throw invalidOption(
      `connect: connectionWindowBytes must be at least streamWindowBytes (${String(streamWindowBytes)}), not ${String(connectionWindowBytes)}`,
    );
  }
  return {
    settings: {
      endpoints,
      tls: given.tls === undefined ? undefined : await readTls(given.tls, 'connect'),
      transport: given.transport ?? 'http2',
      connectTimeoutMs: given.connectTimeoutMs ?? 5_000,
      pingIntervalMs: given.pingIntervalMs ?? 30_000,
      pingTimeoutMs: given.pingTimeoutMs ?? 10_000,
      streamWindowBytes,
      connectionWindowBytes,
      maxMessageBytes: given.maxMessageBytes ?? 512 * MiB,
    },
    limits: {
      creditBytes: given.creditBytes ?? 8 * MiB,
      maxRevisionBytes: given.maxRevisionBytes ?? 256 * MiB,
      flushBytes: 256 * 1024,
      flushEvents: 8_192,
      flushIntervalMs: given.flushIntervalMs ?? (shards === 'inline' ? INLINE_FLUSH_INTERVAL_MS : FLUSH_INTERVAL_MS),
    },
    name: given.name,
    shards,
    requestTimeoutMs: given.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    lazy: given.lazy ?? false,
    livenessMs: given.livenessMs,
    tls: given.tls,
    auth: given.auth === undefined ? undefined : await resolveAuth(given.auth, 'connect'),
  };
}

/** @throws EtcdError `invalid-argument` for an endpoint over which certificates could not be used. */
export function refusePlainWithTls(endpoints: readonly Endpoint[], what: string): void {
  const plain = endpoints.find((endpoint) => !endpoint.tls);
  if (plain === undefined) return;
  throw invalidOption(
    `${what}: tls is given but endpoint '${plain.text}' is not encrypted; write it with https:// (unixs:// for a socket), or leave tls out`,
  );
}

/** One core is left to the main thread; more than four shards pay off only where asked for. */
export function defaultShards(cores: number): number {
  return Math.max(1, Math.min(4, cores - 1));
}

function shown(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : typeof value === 'number'
      ? String(value)
      : `a value of type ${typeof value}`;
}
