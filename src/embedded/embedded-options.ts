/**
 * The options of `EmbeddedEtcd.start`, and their check. Caller's thread; pure.
 */
import { EtcdError } from '../wire/errors.js';
import { toBytes, toKey, type KeyInput } from '../wire/key-range.js';
import type { ServerStart } from './server-messages.js';
import type { ListenAddress, ServerTls } from './transport/server-socket.js';

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
  /** Path of a unix socket to listen on: instead of a port, or beside it where `port` or `host` is given too. */
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

const KNOWN = [
  'host',
  'port',
  'socketPath',
  'tls',
  'progressIntervalMs',
  'maxRequestBytes',
  'clock',
  'initialData',
] as const;
const PROGRESS_INTERVAL_MS = 600_000;
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const LONGEST_MS = 2 ** 31 - 1;

/** @throws EtcdError `invalid-argument`, naming the option. */
export function checkOptions(options: EmbeddedEtcdOptions): ServerStart {
  if (typeof options !== 'object' || (options as unknown) === null) throw invalid('the options must be an object');
  const unknown = Object.keys(options).find((name) => !(KNOWN as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid(`there is no option '${unknown}'; known are ${KNOWN.join(', ')}`);
  return {
    addresses: addresses(options),
    tls: checkTls(options.tls),
    clock: checkClock(options.clock),
    progressIntervalMs:
      checkNumber(options.progressIntervalMs, 'progressIntervalMs', 1, LONGEST_MS) ?? PROGRESS_INTERVAL_MS,
    maxRequestBytes: checkNumber(options.maxRequestBytes, 'maxRequestBytes', 1, LONGEST_MS) ?? MAX_REQUEST_BYTES,
    initialData: pairs(options.initialData),
  };
}

function addresses({ host, port, socketPath }: EmbeddedEtcdOptions): ListenAddress[] {
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    throw invalid('host must be a text, such as 127.0.0.1');
  const portNumber = checkNumber(port, 'port', 0, 65_535);
  const tcp: ListenAddress = { kind: 'tcp', host: host ?? '127.0.0.1', port: portNumber ?? 0 };
  if (socketPath === undefined) return [tcp];
  if (typeof socketPath !== 'string' || !socketPath.startsWith('/') || socketPath.includes('\0'))
    throw invalid('socketPath must be the absolute path of a file');
  const unix: ListenAddress = { kind: 'unix', path: socketPath };
  return host === undefined && port === undefined ? [unix] : [tcp, unix];
}

function checkTls(tls: EmbeddedTls | undefined): ServerTls | undefined {
  if (tls === undefined) return undefined;
  if (typeof tls !== 'object' || (tls as unknown) === null) throw invalid('tls must be an object with cert and key');
  const unknown = Object.keys(tls).find((name) => !['cert', 'key', 'clientCa'].includes(name));
  if (unknown !== undefined) throw invalid(`there is no option tls.${unknown}; known are cert, key, clientCa`);
  checkPem(tls.cert, 'cert', 'CERTIFICATE');
  checkPem(tls.key, 'key', 'PRIVATE KEY');
  if (tls.clientCa !== undefined) checkPem(tls.clientCa, 'clientCa', 'CERTIFICATE');
  return { cert: tls.cert, key: tls.key, clientCa: tls.clientCa };
}

function checkPem(text: unknown, name: string, label: string): void {
  if (typeof text !== 'string' || !new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`, 'u').test(text))
    throw invalid(`tls.${name} must be PEM text with a block '-----BEGIN ${label}-----'`);
}

function checkClock(clock: unknown): 'system' | 'manual' {
  if (clock === undefined || clock === 'system') return 'system';
  if (clock === 'manual') return clock;
  throw invalid("clock must be 'system' or 'manual'");
}

function checkNumber(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${name} must be a whole number from ${min} to ${max}`);
}

function pairs(data: EmbeddedEtcdOptions['initialData']): (readonly [Uint8Array, Uint8Array])[] {
  if (data === undefined) return [];
  if (typeof data !== 'object' || (data as unknown) === null)
    throw invalid('initialData must be an object, a Map or pairs');
  const given: readonly unknown[] = isIterable(data) ? Array.from(data) : Object.entries(data);
  const seen = new Set<string>();
  return given.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalid('initialData must have pairs of a key and a value');
    const key = toKey(pair[0], 'EmbeddedEtcd: a key of initialData');
    const text = Buffer.from(key).toString('latin1');
    if (seen.has(text)) throw invalid('initialData has a key twice');
    seen.add(text);
    return [key, toBytes(pair[1], 'EmbeddedEtcd: a value of initialData')] as const;
  });
}

function isIterable(data: object): data is Iterable<unknown> {
  return Symbol.iterator in data;
}

function invalid(message: string): EtcdError {
  return new EtcdError(`EmbeddedEtcd: ${message}`, { code: 'invalid-argument', outcome: 'not-sent' });
}
