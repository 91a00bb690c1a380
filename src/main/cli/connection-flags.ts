/** The options that every command has for reaching etcd, and what they become. Pure. */
import type { Command } from 'commander';
import type { ConnectOptions } from '../index.js';
import { duration } from './option-values.js';

/** As commander gives them. */
export interface ConnectionFlags {
  readonly endpoints?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly serverName?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

const DEFAULT_ENDPOINTS = 'http://127.0.0.1:2379';

export function addConnectionFlags(command: Command): Command {
  return command
    .option('--endpoints <list>', 'members, with commas between them (env ETCD_ENDPOINTS, ETCDCTL_ENDPOINTS)')
    .option('--cacert <file>', 'authorities to trust, PEM')
    .option('--cert <file>', "the client's certificate, PEM")
    .option('--key <file>', "the client certificate's private key, PEM")
    .option('--passphrase-file <file>', 'file with the passphrase of an encrypted key')
    .option('--server-name <name>', "the name to check the server's certificate against")
    .option('--timeout <time>', 'limit for connecting and for each request, such as 500ms or 10s', duration)
    .option('--json', 'print JSON, one object a line');
}

/** For `connect`. Endpoints come from the option, then from the environment, then the local default. */
export function connectOptions(flags: ConnectionFlags, env: NodeJS.ProcessEnv): ConnectOptions {
  const fromEnv = [env['ETCD_ENDPOINTS'], env['ETCDCTL_ENDPOINTS']].find((text) => text !== undefined && text !== '');
  const hasTls = [flags.cacert, flags.cert, flags.key, flags.passphraseFile, flags.serverName].some(
    (value) => value !== undefined,
  );
  return {
    endpoints: flags.endpoints ?? fromEnv ?? DEFAULT_ENDPOINTS,
    tls: hasTls
      ? {
          caFile: flags.cacert,
          certFile: flags.cert,
          keyFile: flags.key,
          passphraseFile: flags.passphraseFile,
          serverName: flags.serverName,
        }
      : undefined,
    connectTimeoutMs: flags.timeout,
    requestTimeoutMs: flags.timeout,
  };
}
