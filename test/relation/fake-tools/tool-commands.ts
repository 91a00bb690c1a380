// What each hook tool does, prints and exits with, over the hook that runs in a model in memory: the agent's side of a tool.
import { lstat, readFile } from 'node:fs/promises';
import { EtcdError, type JujuBackend, type LogLevel, type WorkloadStatus } from '../../../src/main/relation/index.js';
import { goJson, parseSettings } from './settings-parser.js';
import { readArguments, type ToolArguments } from './tool-arguments.js';

/** How a tool ends. */
export interface ToolAnswer {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An error with the exit code and text of Juju's tool. */
class Refused extends Error {
  readonly exit: number;

  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

type Command = (backend: JujuBackend, args: ToolArguments, stdin: string) => Promise<string>;

/** The text of an answer in the format that was asked for; without one as `smart` prints texts and truths. */
function print({ options }: ToolArguments, value: unknown): string {
  const format = options.get('--format') ?? 'smart';
  if (format === 'json') return goJson(value ?? null);
  if (format !== 'smart')
    throw new Refused(2, `invalid value "${format}" for option --format: unknown format "${format}"`);
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'True\n' : 'False\n';
  if (typeof value === 'string') return `${value}\n`;
  if (Array.isArray(value)) return value.map((item) => `${String(item)}\n`).join('');
  throw new Refused(1, 'this fake prints maps as JSON only');
}

function relationOf({ options }: ToolArguments, backend: JujuBackend): string {
  const id = options.get('-r') ?? options.get('--relation') ?? backend.context.relation?.relationId;
  if (id === undefined) throw new Refused(2, 'no relation id specified');
  return id;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  'relation-ids': async (backend, args) => {
    const endpoint = args.positional[0] ?? backend.context.relation?.endpoint;
    if (endpoint === undefined) throw new Refused(2, 'no endpoint name specified');
    return print(args, await backend.relationIds(endpoint));
  },
  'relation-list': async (backend, args) => {
    const id = relationOf(args, backend);
    return print(args, args.options.has('--app') ? await backend.relationApp(id) : await backend.relationUnits(id));
  },
  'relation-get': async (backend, args) => {
    const [key = '-', named] = args.positional;
    const { relation } = backend.context;
    // Without a member: the remote unit, or, where there is none, the remote application's settings. A trap.
    const member = named ?? relation?.remoteUnit ?? relation?.remoteApp;
    if (member === undefined) throw new Refused(2, 'no unit or application specified');
    const asked = args.options.has('--app') && member.includes('/') ? member.slice(0, member.indexOf('/')) : member;
    if (named !== undefined && !named.includes('/') && !args.options.has('--app'))
      throw new Refused(2, `invalid argument ${named}: not a unit name`);
    const bag = await backend.readDatabag(relationOf(args, backend), asked);
    return print(args, key === '-' ? Object.fromEntries(bag) : bag.get(key));
  },
  'relation-set': async (backend, args, stdin) => {
    const id = relationOf(args, backend);
    const settings = args.options.get('--file') === '-' ? parse(stdin) : {};
    for (const pair of args.positional) {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new Refused(2, `expected "key=value", got "${pair}"`);
      settings[pair.slice(0, equals)] = pair.slice(equals + 1);
    }
    await backend.writeDatabag(id, args.options.has('--app') ? 'app' : 'unit', settings);
    return '';
  },
  'relation-model-get': async (backend, args) =>
    print(args, { uuid: await backend.relationModel(relationOf(args, backend)) }),
  'is-leader': async (backend, args) => print(args, await backend.isLeader()),
  'config-get': async (backend, args) => {
    const config = await backend.config();
    const [key] = args.positional;
    if (key === undefined) return print(args, Object.fromEntries(config));
    if (args.options.has('--all')) throw new Refused(2, 'cannot use argument --all together with a key');
    return print(args, config.get(key));
  },
  'status-set': async (backend, { options, positional }) => {
    const [status = '', message = ''] = positional;
    if (!['maintenance', 'blocked', 'waiting', 'active'].includes(status))
      throw new Refused(1, `invalid status "${status}", expected one of [maintenance blocked waiting active]`);
    await backend.setStatus(status as WorkloadStatus, message, {
      application: options.get('--application') === 'true',
    });
    return '';
  },
  'juju-log': async (backend, { options, positional }) => {
    await backend.log((options.get('-l') ?? 'INFO') as LogLevel, positional.join(' '));
    return '';
  },
  'application-version-set': async (backend, { positional }) => {
    await backend.setApplicationVersion(positional[0] ?? '');
    return '';
  },
  'network-get': async (backend, args) => {
    const network = await backend.networkInfo(args.positional[0] ?? '', args.options.get('-r'));
    return print(args, {
      'bind-addresses': [
        {
          'mac-address': '00:16:3e:00:00:01',
          'interface-name': 'eth0',
          addresses: network.bindAddresses.map((value) => ({ hostname: '', value, cidr: '' })),
        },
      ],
      'egress-subnets': network.egressSubnets,
      'ingress-addresses': network.ingressAddresses,
    });
  },
  'leader-get': async (backend, args) => {
    const settings = await backend.readLeaderSettings();
    const [key = '-'] = args.positional;
    return print(args, key === '-' ? Object.fromEntries(settings) : settings.get(key));
  },
  'state-get': async (backend, args) => {
    const state = await backend.readState();
    const [key] = args.positional;
    return print(args, key === undefined ? Object.fromEntries(state) : (state.get(key) ?? ''));
  },
  'state-set': async (backend, args, stdin) => {
    if (args.options.get('--file') !== '-') throw new Refused(2, 'this fake reads stdin only');
    await backend.writeState(parse(stdin));
    return '';
  },
  'state-delete': async (backend, { positional }) => {
    await backend.writeState({ [positional[0] ?? '']: null });
    return '';
  },
  'secret-add': async (backend, { options, positional }) => {
    const id = await backend.addSecret(await contentOf(positional), {
      label: options.get('--label'),
      description: options.get('--description'),
      owner: options.get('--owner') === 'unit' ? 'unit' : 'application',
    });
    return `${id}\n`;
  },
  'secret-get': async (backend, args) => {
    const { options, positional } = args;
    if (options.has('--peek') && options.has('--refresh'))
      throw new Refused(2, 'specify one of --peek or --refresh but not both');
    const how = options.has('--peek') ? 'peek' : options.has('--refresh') ? 'refresh' : 'tracked';
    const secret = await backend.readSecret({ id: positional[0], label: options.get('--label') }, how);
    return print(args, Object.fromEntries(secret));
  },
  'secret-set': async (backend, { positional: [id = '', ...content] }) => {
    await backend.writeSecret(id, await contentOf(content));
    return '';
  },
  'secret-info-get': async (backend, args) => {
    const ref = { id: args.positional[0], label: args.options.get('--label') };
    const info = await backend.secretInfo(ref);
    if (info === undefined) throw new Refused(1, `secret "${ref.id ?? ref.label ?? ''}" not found`);
    const { id, ...rest } = info;
    return print(args, { [id.slice('secret:'.length)]: { ...rest, rotation: 'never' } });
  },
  'secret-grant': async (backend, args) => {
    await backend.grantSecret(args.positional[0] ?? '', relationOf(args, backend), args.options.get('--unit'));
    return '';
  },
  'secret-revoke': async (backend, args) => {
    await backend.revokeSecret(args.positional[0] ?? '', relationOf(args, backend), args.options.get('--unit'));
    return '';
  },
  'secret-remove': async (backend, { options, positional }) => {
    const revision = options.get('--revision');
    await backend.removeSecret(positional[0] ?? '', revision === undefined ? undefined : Number(revision));
    return '';
  },
  'secret-ids': async (backend, args) =>
    print(
      args,
      (await backend.secretIds()).map((id) => id.slice('secret:'.length)),
    ),
};

/** Every tool that there is. */
export const TOOL_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Runs a tool. */
export async function runCommand(
  tool: string,
  args: readonly string[],
  stdin: string,
  backend: JujuBackend,
): Promise<ToolAnswer> {
  try {
    const command = COMMANDS[tool];
    if (command === undefined) throw new Refused(2, `unknown command ${tool}`);
    const read = readArguments(args);
    if (typeof read === 'string') throw new Refused(2, read);
    return { exit: 0, stdout: await command(backend, read, stdin), stderr: '' };
  } catch (error) {
    const { exit, message } = error instanceof Refused ? error : refusalOf(error, tool, args);
    return { exit, stdout: '', stderr: `ERROR ${message}\n` };
  }
}

/** Juju's exit code and text for what the model refuses. */
function refusalOf(error: unknown, tool: string, args: readonly string[]): Refused {
  if (!(error instanceof EtcdError)) throw error;
  const relation = args[args.indexOf('-r') + 1] ?? '';
  const member = args.at(-1) ?? '';
  switch (error.code) {
    case 'relation-not-found':
      return error.message.startsWith('there is no relation')
        ? new Refused(2, `invalid value "${relation}" for option -r: relation not found`)
        : new Refused(1, `cannot read settings for unit "${member}" in relation "${relation}": settings not found`);
    case 'not-leader':
      if (tool === 'relation-set') return new Refused(1, 'cannot write relation settings');
      return new Refused(1, tool === 'relation-get' ? 'permission denied' : 'this unit is not the leader');
    case 'secret-denied':
      return new Refused(1, 'permission denied');
    case 'secret-not-found':
      return new Refused(1, `secret "${args.find((arg) => arg.startsWith('secret:')) ?? ''}" not found`);
    default:
      return new Refused(1, error.message);
  }
}

function parse(text: string): Record<string, string> {
  try {
    return parseSettings(text);
  } catch (error) {
    throw new Refused(1, error instanceof Error ? error.message : 'yaml');
  }
}

/** `key#file=/path` as the agent reads it, which is another process than the tool. */
async function contentOf(pairs: readonly string[]): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const pair of pairs) {
    const [, key = '', isFile, value = ''] = /^([^=#]+)(#file)?=(.*)$/su.exec(pair) ?? [];
    if (key === '') throw new Refused(2, `key value "${pair}" not valid`);
    if (isFile === undefined) {
      content[key] = value;
      continue;
    }
    const { mode } = await lstat(value);
    if ((mode & 0o170_777) !== 0o100_600) throw new Refused(1, `this fake takes files of mode 0600 only: ${value}`);
    content[key] = await readFile(value, 'utf8');
  }
  return content;
}
