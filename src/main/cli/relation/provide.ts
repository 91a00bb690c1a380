/** `vigil relation provide`: publishes where etcd is, and a client's material, to the charms that are related. */
import { InvalidArgumentError, type Command } from 'commander';
import { EtcdError, EtcdProvides, hookTools } from '../../relation/index.js';
import { exitCode } from '../exit-code.js';
import { usageError } from '../failure.js';
import { readText } from '../files.js';
import { someText } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { unlessStopped } from '../stop.js';

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
    .argument('[endpoint]', "the endpoint in the charm's metadata", someText, 'db')
    .option('--endpoints <list>', 'where etcd is, with commas')
    .option('--etcd-version <version>', 'such as 3.5.18; without it consumers assume etcd 2', version)
    .option('--key <file>', "the client's private key, PEM")
    .option('--cert <file>', "the client's certificate, PEM")
    .option('--ca <file>', 'the CA, PEM')
    .option('--retract', 'take back everything')
    .option('--json', 'JSON, one object')
    .action((endpoint: string, flags: ProvideFlags) => context.run((session) => provide(endpoint, flags, session)));
}

async function provide(endpoint: string, flags: ProvideFlags, { output, stop }: Session): Promise<number> {
  const { key, cert, ca } = flags;
  const files = [key, cert, ca].filter((path) => path !== undefined);
  if (files.length % 3 !== 0) throw usageError('relation provide: --key, --cert and --ca are needed together');
  if ((flags.retract === true) === (flags.endpoints !== undefined || files.length > 0))
    throw usageError('relation provide: give --endpoints, --key with --cert and --ca, or all of them; or --retract');
  if (flags.etcdVersion !== undefined && flags.endpoints === undefined)
    throw usageError('relation provide: --etcd-version needs --endpoints');
  if (flags.endpoints !== undefined) checkEndpoints(flags.endpoints);
  const [keyText, certText, caText] = [read(key, '--key'), read(cert, '--cert'), read(ca, '--ca')];
  const provides = await unlessStopped(EtcdProvides.load(hookTools(), endpoint), stop.signal);
  const changed = new Set<string>();
  const note = (published: { readonly changed: readonly string[] }): void => {
    for (const relationId of published.changed) changed.add(relationId);
  };
  if (flags.retract === true) note(await provides.retract());
  if (files.length > 0) note(await provides.setClientCredentials(keyText, certText, caText).catch(refuseMaterial));
  if (flags.endpoints !== undefined) note(await provides.setConnectionString(flags.endpoints, flags.etcdVersion));
  const relations = [...changed].sort();
  if (flags.json === true) await output.print(`${JSON.stringify({ endpoint, changed: relations })}\n`);
  else await output.print(relations.map((relationId) => `${relationId}\n`).join(''));
  return exitCode.ok;
}

/** What nobody could connect to is refused before anything is published. The library says the rest. */
function checkEndpoints(list: string): void {
  const endpoints = list.split(',').map((text) => text.trim());
  const isRight = endpoints.every((text) => {
    const port = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})\/?$/iu.exec(text)?.[1];
    return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
  });
  // The text is not repeated: there may be a password in it.
  if (!isRight || new Set(endpoints).size < endpoints.length)
    throw usageError('relation provide: --endpoints must be a list of different http://host:port or https://host:port');
}

/** What was given is wrong, not what the relation holds. */
function refuseMaterial(error: unknown): never {
  if (!(error instanceof EtcdError) || error.code !== 'invalid-credentials') throw error;
  throw usageError(`relation provide: --key, --cert and --ca cannot be used: ${error.message}`);
}

function read(file: string | undefined, option: string): string {
  return file === undefined ? '' : readText(file, option);
}

function version(text: string): string {
  if (/^\d+\.\d+(?:\.\d+)?(?:[-+][0-9A-Za-z.-]+)?$/u.test(text)) return text;
  throw new InvalidArgumentError('It must be a version such as 3.5.18.');
}
