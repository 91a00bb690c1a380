/** `vigil relation show`: where etcd is, as the relation tells it. */
import type { Command } from 'commander';
import { EtcdRequires, hookTools } from '../../relation/index.js';
import type { CommandContext } from '../command-context.js';
import { exitCode } from '../exit-code.js';
import type { JsonObject } from '../json-shape.js';
import { note, print } from '../output.js';

interface ShowFlags {
  readonly scheme?: string;
  readonly secrets?: boolean;
  readonly json?: boolean;
}

export function addRelationShow(relation: Command, context: CommandContext): void {
  relation
    .command('show')
    .description('print the connection string of a relation that requires etcd; exit code 1 while there is none')
    .argument('[endpoint]', "the endpoint in the charm's metadata", 'etcd')
    .option(
      '--scheme <name>',
      'print this in the place of http, so that https becomes it with an s: etcd makes etcds://',
    )
    .option('--secrets', 'with --json: print key, certificate and CA, too')
    .option('--json', 'JSON, one object')
    .action((endpoint: string, flags: ShowFlags) => context.run(show(endpoint, flags)));
}

async function show(endpoint: string, flags: ShowFlags): Promise<number> {
  const requires = await EtcdRequires.load(hookTools(), endpoint);
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
    await print(`${JSON.stringify(seen)}\n`);
  } else if (connectionString !== null) await print(`${connectionString}\n`);
  else note(`vigil: endpoint '${endpoint}' offers no etcd yet [relation-not-ready]`);
  return connectionString === null ? exitCode.failed : exitCode.ok;
}
