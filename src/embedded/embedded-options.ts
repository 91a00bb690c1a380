/**
 * The options of `EmbeddedEtcd.start`, and their check. Caller's thread; pure.
 */
import {
  checkFields,
  checkOptions,
  choiceRule,
  describeValue,
  integerRule,
  invalidOption,
  objectRule,
  textRule,
  type OptionRule,
  type OptionTable,
} from '../wire/arguments.js';
import { toBytes, toKey, type KeyInput } from '../wire/key-range.js';
import type { ServerStart } from './server-messages.js';
import type { ListenAddress } from './transport/server-socket.js';

/** TLS of the embedded server: PEM text. */
export interface EmbeddedTls {
  /** The server's certificate, with its chain. */
  readonly cert: string;
  /** Its private key, not encrypted. */
  readonly key: string;
  /** Authorities whose client certificates are taken. With it, a client without such a certificate is refused. */
  readonly clientCa?: string | undefined;
}

/** How to start an embedded server. Everything has a default. */
export interface EmbeddedEtcdOptions {
  /** The address to listen on. Default `127.0.0.1`: nobody else on the network can connect. */
  readonly host?: string | undefined;
  /** The port; 0, the default, is any free one. */
  readonly port?: number | undefined;
  /**
   * Path of a unix socket to listen on: instead of a port, or beside it where `port` or `host` is given too. A socket there on which
   * nobody listens any more is replaced.
   */
  readonly socketPath?: string | undefined;
  /** Serve TLS instead of plain text. */
  readonly tls?: EmbeddedTls | undefined;
  /** How often a watch that asked for progress and sees no events is told the revision. Default 600,000 (10 minutes), as etcd. */
  readonly progressIntervalMs?: number | undefined;
  /**
   * The largest write, in bytes; a larger one is refused as `etcdserver: request is too large`. Answers of watches that asked for
   * fragments are split 512 KiB above it. Default 1,572,864 (1.5 MiB), as etcd.
   */
  readonly maxRequestBytes?: number | undefined;
  /** `manual`: leases, tokens and progress live by {@link EmbeddedEtcd.advanceClock} alone. Default `system`. */
  readonly clock?: 'system' | 'manual' | undefined;
  /** Keys with their values, there in one revision before anybody connects: an object, a Map, or pairs. */
  readonly initialData?: Readonly<Record<string, KeyInput>> | Iterable<readonly [KeyInput, KeyInput]> | undefined;
}

const PROGRESS_INTERVAL_MS = 600_000;
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const LONGEST_MS = 2 ** 31 - 1;
const WHAT = 'EmbeddedEtcd';

const rules: OptionTable<EmbeddedEtcdOptions> = {
  host: textRule,
  port: integerRule(0, 65_535),
  socketPath: (value, name) => {
    if (typeof value !== 'string' || !value.startsWith('/') || value.includes('\0'))
      throw invalidOption(`${name} must be the absolute path of a file, not ${describeValue(value)}`);
  },
  tls: (value, name) => {
    objectRule(value, name);
    const fields = { cert: pemRule('CERTIFICATE'), key: pemRule('PRIVATE KEY'), clientCa: pemRule('CERTIFICATE') };
    checkFields<EmbeddedTls>(value, fields, name, ['cert', 'key']);
  },
  progressIntervalMs: integerRule(1, LONGEST_MS),
  maxRequestBytes: integerRule(1, LONGEST_MS),
  clock: choiceRule('system', 'manual'),
  initialData: (value, name) => {
    if (typeof value !== 'object' || value === null)
      throw invalidOption(`${name} must be an object, a Map or pairs, not ${describeValue(value)}`);
  },
};

/** @throws EtcdError `invalid-argument`, naming the option. */
export function checkStartOptions(options: EmbeddedEtcdOptions): ServerStart {
  checkOptions<EmbeddedEtcdOptions>(options, rules, WHAT);
  const { tls } = options;
  return {
    addresses: addresses(options),
    tls: tls && { cert: tls.cert, key: tls.key, clientCa: tls.clientCa },
    clock: options.clock ?? 'system',
    progressIntervalMs: options.progressIntervalMs ?? PROGRESS_INTERVAL_MS,
    maxRequestBytes: options.maxRequestBytes ?? MAX_REQUEST_BYTES,
    initialData: pairs(options.initialData),
  };
}

function addresses({ host, port, socketPath }: EmbeddedEtcdOptions): ListenAddress[] {
  const tcp: ListenAddress = { kind: 'tcp', host: host ?? '127.0.0.1', port: port ?? 0 };
  if (socketPath === undefined) return [tcp];
  const unix: ListenAddress = { kind: 'unix', path: socketPath };
  return host === undefined && port === undefined ? [unix] : [tcp, unix];
}

function pemRule(label: string): OptionRule {
  return (value, name) => {
    if (typeof value !== 'string' || !new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`, 'u').test(value))
      throw invalidOption(`${name} must be PEM text with a block '-----BEGIN ${label}-----'`);
  };
}

function pairs(data: EmbeddedEtcdOptions['initialData']): (readonly [Uint8Array, Uint8Array])[] {
  if (data === undefined) return [];
  const given: readonly unknown[] = isIterable(data) ? Array.from(data) : Object.entries(data);
  const seen = new Set<string>();
  return given.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw invalidOption(`${WHAT}: initialData must be pairs of a key and a value`);
    const key = toKey(pair[0], `${WHAT}: initialData: a key`);
    const text = Buffer.from(key).toString('latin1');
    if (seen.has(text)) throw invalidOption(`${WHAT}: initialData has a key twice`);
    seen.add(text);
    return [key, toBytes(pair[1], `${WHAT}: initialData: a value`)] as const;
  });
}

function isIterable(data: object): data is Iterable<unknown> {
  return Symbol.iterator in data;
}
