/** `vigil relation save`: key, certificate and CA of a relation as files, or all of it as a connection file. */
import type { Command } from 'commander';
import { EtcdRequires, hookTools, writeConnectionFile, type CredentialPaths } from '../../relation/index.js';
import { exitCode } from '../exit-code.js';
import { usageError } from '../failure.js';
import { someText } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { unlessStopped } from '../stop.js';

interface SaveFlags {
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string;
  readonly file?: string;
  readonly json?: boolean;
}

export function addRelationSave(relation: Command, context: CommandContext): void {
  relation
    .command('save')
    .description('save key, certificate and CA (mode 0600, all or nothing); exit code 1 while there are none')
    .argument('[endpoint]', "the endpoint in the charm's metadata", someText, 'etcd')
    .option('--key <file>', 'where the private key goes')
    .option('--cert <file>', 'where the certificate goes')
    .option('--ca <file>', 'where the CA goes')
    .option('--file <file>', 'a connection file, for connectFromFile; also when there is nothing to connect to')
    .option('--json', 'JSON, one object')
    .action((endpoint: string, flags: SaveFlags) => context.run((session) => save(endpoint, flags, session)));
}

async function save(endpoint: string, flags: SaveFlags, { output, stop }: Session): Promise<number> {
  const paths = pathsOf(flags);
  if (paths === undefined && flags.file === undefined)
    throw usageError('relation save: give --key, --cert and --ca, or --file, or all of them');
  const requires = await unlessStopped(EtcdRequires.load(hookTools(), endpoint), stop.signal);
  const connection = requires.connection();
  let changed = false;
  if (flags.file !== undefined)
    changed = (await writeConnectionFile(flags.file, connection, { credentials: paths })).changed;
  else if (paths !== undefined) changed = (await requires.saveClientCredentials(paths)).changed;
  await output.print(
    flags.json === true ? `${JSON.stringify({ endpoint, changed })}\n` : changed ? 'changed\n' : 'unchanged\n',
  );
  return connection?.isComplete === true ? exitCode.ok : exitCode.failed;
}

function pathsOf({ key, cert, ca }: SaveFlags): CredentialPaths | undefined {
  if (key === undefined && cert === undefined && ca === undefined) return undefined;
  if (key === undefined || cert === undefined || ca === undefined)
    throw usageError('relation save: --key, --cert and --ca are needed together');
  return { keyPath: key, certPath: cert, caPath: ca };
}
