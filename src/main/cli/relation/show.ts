/** `vigil relation show`: where etcd is, as the relation tells it. */
import { InvalidArgumentError, type Command } from 'commander';
import { EtcdRequires, hookTools } from '../../relation/index.js';
import { exitCode } from '../exit-code.js';
import { usageError } from '../failure.js';
import type { JsonObject } from '../json-shape.js';
import { someText } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { unlessStopped } from '../stop.js';

interface ShowFlags {
  readonly scheme?: string;
  readonly secrets?: boolean;
  readonly json?: boolean;
}

export function addRelationShow(relation: Command, context: CommandContext): void {
  relation
    .command('show')
    .description('print the connection string of a relation that requires etcd; exit code 1 while there is none')
    .argument('[endpoint]', "the endpoint in the charm's metadata", someText, 'etcd')
    .option(
      '--scheme <name>',
      'print this in the place of http, so that https becomes it with an s: etcd makes etcds://',
      scheme,
    )
    .option('--secrets', 'with --json: print key, certificate and CA, too')
    .option('--json', 'JSON, one object')
    .action((endpoint: string, flags: ShowFlags) => context.run((session) => show(endpoint, flags, session)));
}

async function show(endpoint: string, flags: ShowFlags, { output, stop }: Session): Promise<number> {
  if (flags.secrets === true && flags.json !== true) throw usageError('relation show: --secrets needs --json');
  const requires = await unlessStopped(EtcdRequires.load(hookTools(), endpoint), stop.signal);
  const given = requires.getConnectionString();
  const connectionString = flags.scheme === undefined ? given : (given?.replaceAll('http', flags.scheme) ?? null);
  if (flags.json === true) {
    const secrets: JsonObject = flags.secrets === true ? { ...requires.getClientCredentials() } : {};
    const seen: JsonObject = {
      endpoint,
      flags: [...requires.flags].sort(),
      connectionString,
      version: requires.getVersion(),
      ...secrets,
    };
    await output.print(`${JSON.stringify(seen)}\n`);
  } else if (connectionString !== null) await output.print(`${connectionString}\n`);
  else output.note(`vigil: endpoint '${endpoint}' offers no etcd yet [relation-not-ready]`);
  return connectionString === null ? exitCode.failed : exitCode.ok;
}

function scheme(text: string): string {
  if (/^[a-z][a-z0-9+.-]*$/iu.test(text)) return text;
  throw new InvalidArgumentError('It must be a scheme such as http or etcd, without ://.');
}
