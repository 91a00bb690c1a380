/** `vigil serve`: the embedded server by itself, until it is stopped. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { EmbeddedEtcdOptions, EmbeddedTls } from '../../embedded/index.js';
import { EtcdError } from '../../wire/errors.js';
import { exitCode } from './exit-code.js';
import { ToldError, usageError } from './failure.js';
import { readText } from './files.js';
import { FLAG_WORDS, inFlagWords } from './flag-words.js';
import { initialData } from './initial-data.js';
import { duration, wholeNumber } from './option-values.js';
import type { CommandContext, Session } from './session.js';
import { isAbort, unlessStopped } from './stop.js';

interface ServeFlags {
  readonly host?: string;
  readonly port?: number;
  readonly socket?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly progressInterval?: number;
  readonly data?: readonly string[];
  readonly json?: boolean;
}

/** May be given again. */
export const DATA_FLAG = '--data';
/** etcd's own. */
const DEFAULT_PORT = 2379;

export function addServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('an etcd in memory, for tests and for one process: nothing is kept when it ends')
    .option('--host <address>', 'the address to listen on (default: 127.0.0.1)')
    .option('--port <n>', `the port; 0 for any free one (default: ${String(DEFAULT_PORT)})`, wholeNumber(0, 65_535))
    .option('--socket <path>', 'a unix socket; instead of a port, or beside it with --host or --port')
    .option('--cert <file>', "the server's certificate, PEM: serve TLS")
    .option('--key <file>', "the certificate's private key, PEM")
    .option('--client-ca <file>', 'authorities of client certificates, PEM: clients need one')
    .option('--progress-interval <time>', 'how often idle watches are told the revision (default: 10m)', duration)
    .option(
      `${DATA_FLAG} <key=value | file>`,
      'keys to begin with: a pair, or a JSON file with an object of texts; may be given again',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--json', 'print JSON, one object a line')
    .action((flags: ServeFlags) => context.run((session) => serve(flags, session)));
}

async function serve(flags: ServeFlags, { output, stop }: Session): Promise<number> {
  const options = serverOptions(flags);
  // Whoever reads the endpoint may close the pipe then; the server goes on.
  stop.outliveReaders();
  const { EmbeddedEtcd } = await import('../../embedded/index.js');
  const server = await EmbeddedEtcd.start(options).catch((error: unknown) => {
    throw error instanceof EtcdError ? told(error) : error;
  });
  const disown = options.socketPath === undefined ? undefined : stop.own(`the socket ${options.socketPath}`);
  try {
    const { endpoints } = server;
    await output.print(
      flags.json === true ? `${JSON.stringify({ type: 'serving', endpoints })}\n` : `${endpoints.join('\n')}\n`,
    );
    output.note('vigil: serving from memory; Ctrl-C ends it');
    await unlessStopped(server.ended, stop.signal);
  } catch (error) {
    // Being stopped is how it ends.
    if (!isAbort(error)) throw error;
  } finally {
    await server.close();
    disown?.();
  }
  return exitCode.ok;
}

function serverOptions(flags: ServeFlags): EmbeddedEtcdOptions {
  const { host, port, socket } = flags;
  return {
    host,
    // Beside a socket there is a port only when it was asked for.
    port: socket === undefined ? (port ?? DEFAULT_PORT) : (port ?? (host === undefined ? undefined : DEFAULT_PORT)),
    socketPath: socket === undefined ? undefined : resolve(socket),
    tls: tlsFrom(flags),
    progressIntervalMs: flags.progressInterval,
    initialData: initialData(flags.data ?? [], readText),
  };
}

function tlsFrom({ cert, key, clientCa }: ServeFlags): EmbeddedTls | undefined {
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined) throw usageError('TLS needs both --cert and --key');
  return {
    cert: readText(cert, '--cert'),
    key: readText(key, '--key'),
    clientCa: clientCa === undefined ? undefined : readText(clientCa, '--client-ca'),
  };
}

/** The same failure in the words of the command line. */
function told(error: EtcdError): ToldError {
  const message = inFlagWords(error.message, FLAG_WORDS);
  return new ToldError(`serve: ${message}`, { code: error.code, outcome: 'not-sent', cause: error.cause });
}
