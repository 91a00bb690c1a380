/** `vigil relation provide`: publishes where etcd is, and a client's material, to the charms that are related. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EtcdError, EtcdProvides, hookTools } from '../../relation/index.js';
import type { CommandContext } from '../command-context.js';
import { exitCode } from '../exit-code.js';
import { usageError } from '../failure.js';
import { print } from '../output.js';

interface ProvideFlags {
  readonly endpoints?: string;
  readonly etcdVersion?: string;
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string;
  readonly retract?: boolean;
  readonly json?: boolean;
}

export function addRelationProvide(relation: Command, context: CommandContext): void {
  relation
    .command('provide')
    .description('publish endpoints and a client certificate from files; every unit has to, whenever they change')
    .argument('[endpoint]', "the endpoint in the charm's metadata", 'db')
    .option('--endpoints <list>', 'where etcd is, with commas')
    .option('--etcd-version <version>', 'such as 3.5.18; without it consumers assume etcd 2')
    .option('--key <file>', "the client's private key, PEM")
    .option('--cert <file>', "the client's certificate, PEM")
    .option('--ca <file>', 'the CA, PEM')
    .option('--retract', 'take back everything')
    .option('--json', 'JSON, one object')
    .action((endpoint: string, flags: ProvideFlags) => context.run(provide(endpoint, flags)));
}

async function provide(endpoint: string, flags: ProvideFlags): Promise<number> {
  const { key, cert, ca } = flags;
  const files = [key, cert, ca].filter((path) => path !== undefined);
  if (files.length % 3 !== 0) throw usageError('relation provide: --key, --cert and --ca are needed together');
  if ((flags.retract === true) === (flags.endpoints !== undefined || files.length > 0))
    throw usageError('relation provide: give --endpoints, --key with --cert and --ca, or all of them; or --retract');
  const [keyText = '', certText = '', caText = ''] = await Promise.all(files.map(read));
  const provides = await EtcdProvides.load(hookTools(), endpoint);
  const changed = new Set<string>();
  const note = (published: { readonly changed: readonly string[] }): void => {
    for (const relationId of published.changed) changed.add(relationId);
  };
  if (flags.retract === true) note(await provides.retract());
  if (files.length > 0) note(await provides.setClientCredentials(keyText, certText, caText));
  if (flags.endpoints !== undefined) note(await provides.setConnectionString(flags.endpoints, flags.etcdVersion));
  const relations = [...changed].sort();
  if (flags.json === true) await print(`${JSON.stringify({ endpoint, changed: relations })}\n`);
  else await print(relations.map((relationId) => `${relationId}\n`).join(''));
  return exitCode.ok;
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new EtcdError(`'${path}' cannot be read: ${code}`, { code: 'file-failed', cause: error });
  }
}
