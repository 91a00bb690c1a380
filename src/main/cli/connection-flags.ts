/** The options that every command has for reaching etcd, and what they become. Pure. */
import type { Command } from 'commander';
import type { ConnectOptions } from '../index.js';
import { readEnvironment, type Environment } from './environment.js';
import { FLAG_WORDS, type FlagWords } from './flag-words.js';
import { usageError } from './failure.js';
import { loginOf, type CliLogin, type LoginFlags } from './login.js';
import { duration } from './option-values.js';

/** As commander gives them. */
export interface ConnectionFlags extends LoginFlags {
  readonly endpoints?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly serverName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** For `connect`, and how it is told about. */
export interface ConnectionSettings {
  readonly options: ConnectOptions;
  readonly words: FlagWords;
  /** Who to log in as; its password may have to be asked for. */
  readonly login: CliLogin;
  /** Lines to be told before anything is done. */
  readonly notes: readonly string[];
}

const DEFAULT_ENDPOINTS = 'http://127.0.0.1:2379';

export function addConnectionFlags(command: Command): Command {
  return command
    .option('--endpoints <list>', 'members, with commas between them (env ETCD_ENDPOINTS, ETCDCTL_ENDPOINTS)')
    .option('--cacert <file>', 'authorities to trust, PEM (env ETCDCTL_CACERT)')
    .option('--cert <file>', "the client's certificate, PEM (env ETCDCTL_CERT)")
    .option('--key <file>', "the client certificate's private key, PEM (env ETCDCTL_KEY)")
    .option('--passphrase-file <file>', 'file with the passphrase of an encrypted key')
    .option('--server-name <name>', "the name to check the server's certificate against")
    .option(
      '--insecure-skip-tls-verify',
      'accept any server certificate; for tests only (env ETCDCTL_INSECURE_SKIP_TLS_VERIFY)',
    )
    .option('--user <name>', 'log in as this user; the password is asked for (env ETCDCTL_USER, ETCDCTL_PASSWORD)')
    .option('--password-file <file>', 'file with the password, in one line')
    .option('--timeout <time>', 'limit for connecting and for each request, such as 500ms or 10s', duration)
    .option('--json', 'print JSON, one object a line');
}

/** The flags that say how to speak TLS, where one was given. */
export function tlsFlag(flags: ConnectionFlags): string | undefined {
  if (flags.cacert !== undefined) return '--cacert';
  if (flags.cert !== undefined) return '--cert';
  if (flags.key !== undefined) return '--key';
  if (flags.passphraseFile !== undefined) return '--passphrase-file';
  if (flags.serverName !== undefined) return '--server-name';
  return flags.insecureSkipTlsVerify === true ? '--insecure-skip-tls-verify' : undefined;
}

/**
 * Each setting comes from its flag, then from the environment, then it is the default.
 *
 * @throws EtcdError `invalid-argument` for a variable whose value has no meaning.
 */
export function connectionSettings(flags: ConnectionFlags, env: NodeJS.ProcessEnv): ConnectionSettings {
  const from = readEnvironment(env, flags.endpoints === undefined);
  const given = flags.endpoints ?? from.endpoints?.text ?? DEFAULT_ENDPOINTS;
  const isTls = tlsFlag(flags) !== undefined || hasTls(from);
  const endpoints = isTls ? withScheme(given) : given;
  // The environment's material is for endpoints that need it; a flag that cannot be heeded is refused.
  const tls = tlsFlag(flags) !== undefined || needsTls(endpoints) ? tlsOptions(flags, from) : undefined;
  const words = wordsFor(flags, from);
  refusePlain(endpoints, tlsFlag(flags));
  const login = loginOf(flags, from);
  return {
    options: {
      endpoints,
      tls,
      connectTimeoutMs: flags.timeout ?? from.dialTimeoutMs,
      requestTimeoutMs: flags.timeout ?? from.commandTimeoutMs,
      pingIntervalMs: from.keepAliveTimeMs,
      pingTimeoutMs: from.keepAliveTimeoutMs,
    },
    words,
    login,
    notes:
      login.kind === 'none' && from.password !== undefined
        ? ['ETCDCTL_PASSWORD is set and no user is given; asking without one']
        : [],
  };
}

/** As for etcdctl: with any of them, endpoints without a scheme are spoken to over TLS. */
function hasTls({ cacert, cert, key, isPlain }: Environment): boolean {
  return [cacert, cert, key].some((file) => file !== undefined) || !isPlain;
}

function tlsOptions(flags: ConnectionFlags, from: Environment): ConnectOptions['tls'] {
  const tls = {
    caFile: flags.cacert ?? from.cacert,
    certFile: flags.cert ?? from.cert,
    keyFile: flags.key ?? from.key,
    passphraseFile: flags.passphraseFile,
    serverName: flags.serverName,
    insecureSkipVerify: flags.insecureSkipTlsVerify === true || from.skipVerify ? true : undefined,
  };
  return Object.values(tls).some((value) => value !== undefined) ? tls : undefined;
}

function withScheme(endpoints: string): string {
  return endpoints
    .split(',')
    .map((text) => (text.trim() === '' || text.includes('://') ? text : `https://${text.trim()}`))
    .join(',');
}

function refusePlain(endpoints: string, flag: string | undefined): void {
  const plain = endpoints.split(',').find((text) => /^\s*(?:http|unix):\/\//iu.test(text));
  // Whether it can be read as an endpoint is for `connect` to say, which repeats no password.
  if (flag === undefined || plain === undefined || plain.includes('@')) return;
  throw usageError(
    `${flag} is for TLS, and endpoint '${plain.trim()}' is not encrypted; write it with https:// (unixs:// for a socket), or leave ${flag} out`,
  );
}

function needsTls(endpoints: string): boolean {
  return endpoints.split(',').some((text) => /^\s*(?:https|unixs):\/\//iu.test(text));
}

function wordsFor(flags: ConnectionFlags, from: Environment): FlagWords {
  const word = (flag: unknown, variable: unknown, name: string, fallback: string): string =>
    flag === undefined && variable !== undefined ? name : fallback;
  const { cacert, cert, key, connectTimeout, requestTimeout, endpoints } = FLAG_WORDS;
  return {
    ...FLAG_WORDS,
    endpoints: word(flags.endpoints, from.endpoints, from.endpoints?.name ?? '', endpoints),
    cacert: word(flags.cacert, from.cacert, 'ETCDCTL_CACERT', cacert),
    // The one that is missing is named as the one that is given.
    cert: word(flags.cert ?? flags.key, from.cert ?? from.key, 'ETCDCTL_CERT', cert),
    key: word(flags.key ?? flags.cert, from.key ?? from.cert, 'ETCDCTL_KEY', key),
    connectTimeout: word(flags.timeout, from.dialTimeoutMs, 'ETCDCTL_DIAL_TIMEOUT', connectTimeout),
    requestTimeout: word(flags.timeout, from.commandTimeoutMs, 'ETCDCTL_COMMAND_TIMEOUT', requestTimeout),
  };
}
