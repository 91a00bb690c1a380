/**
 * Every flag and argument of every command, from commander's own tree, with values that are wrong: one line that says so, exit
 * code 2, and nothing is sent. A new flag or command that this file does not know makes it fail.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCommands, makeProgram } from '../../../../src/main/cli/program.js';
import { runLine } from './command-line.js';

/** A command line that is right for each command, without its flags. */
const RIGHT: Readonly<Record<string, readonly string[]>> = {
  demo: [],
  serve: [],
  get: ['k'],
  put: ['k', 'v'],
  del: ['k'],
  watch: ['k'],
  'lease grant': ['60'],
  'lease hold': ['5'],
  'lease keep-alive': ['7'],
  'lease list': [],
  'lease ttl': ['7'],
  'lease revoke': ['7'],
  'relation show': ['etcd'],
  'relation save': ['etcd'],
  'relation provide': ['db'],
};

const NO_NUMBER = [
  '',
  ' ',
  'x',
  'NaN',
  'Infinity',
  '1.5',
  '1e3',
  ' 1',
  '+1',
  '1 2',
  '0x',
  '١',
  '--',
  '99999999999999999999',
];
const NO_COUNT = [...NO_NUMBER, '-1', '-0', '0x10', '18446744073709551617'];
const BEYOND_INT64 = ['9223372036854775808', '18446744073709551617', '-9223372036854775809'];
const NO_FILE = ['', '/nonexistent/file', '/'];

interface Kind {
  readonly wrong: readonly string[];
  readonly right: string;
}

/** By the placeholder in the flag's own text. */
const KNOWN_KINDS = {
  n: { wrong: NO_COUNT, right: '1' },
  count: { wrong: [...NO_COUNT, '0', '1000001'], right: '1' },
  seconds: { wrong: [...NO_COUNT, '0', '9000000001'], right: '1' },
  revision: { wrong: [...NO_COUNT, '0', ...BEYOND_INT64], right: '1' },
  id: {
    wrong: [...NO_NUMBER, '0', '-0', '0x0', '0x8000000000000000', '0xffffffffffffffff', ...BEYOND_INT64],
    right: '7',
  },
  ids: { wrong: [...NO_NUMBER, '0', '0x10000000000000001', ...BEYOND_INT64], right: '7' },
  time: {
    wrong: [...NO_NUMBER.slice(0, 5), '0', '-1s', '9999h', '1d', '1m30', '1e3s', '1 s', '99999999m', '0.4ms'],
    right: '5s',
  },
  file: { wrong: NO_FILE, right: 'f' },
  list: {
    wrong: ['', ' ', ',', 'x', 'ftp://x:1', 'http://', 'h:0', 'h:65536', 'h:1,h:1', 'http://u:hunter2@h:1'],
    right: 'h:1',
  },
  name: { wrong: [''], right: 'name' },
  scheme: { wrong: ['', '://', 'a b', '1x'], right: 'etcd' },
  version: { wrong: ['', 'x', 'v3', '3'], right: '3.5.18' },
  key: { wrong: [''], right: 'z' },
  path: { wrong: [''], right: '/tmp/x' },
  address: { wrong: [''], right: '127.0.0.1' },
  endpoint: { wrong: [''], right: 'etcd' },
  choice: { wrong: ['', 'nonsense', 'PUT'], right: '' },
  data: { wrong: ['', '=v', '/nonexistent/file', '/'], right: 'a=b' },
} as const satisfies Readonly<Record<string, Kind>>;
const KINDS: Readonly<Record<string, Kind>> = KNOWN_KINDS;

/** What differs from the placeholder's rule. */
const SPECIAL: Readonly<Record<string, Kind>> = {
  'relation show --scheme': KNOWN_KINDS.scheme,
  'serve --data': KNOWN_KINDS.data,
  'put --lease': KNOWN_KINDS.id,
  // These name files that are written.
  'relation save --key': { wrong: [''], right: 'f' },
  'relation save --cert': { wrong: [''], right: 'f' },
  'relation save --ca': { wrong: [''], right: 'f' },
  'relation save --file': { wrong: [''], right: 'f' },
};

let server: Server;
let endpoint = '';
let connections = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  endpoint = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`; // a TCP server's
});
afterAll(() => server.close());

const commands = allCommands(makeProgram({ run: () => Promise.resolve() })).filter(
  (command) => command.commands.length === 0 && command.name() !== 'demo-writer',
);

function pathOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

function kindOf(path: string, option: Option): Kind {
  const special = SPECIAL[`${path} ${option.long ?? ''}`];
  if (special !== undefined) return special;
  if (option.argChoices !== undefined) return { wrong: KNOWN_KINDS.choice.wrong, right: option.argChoices[0] ?? '' };
  const placeholder = /<(.+)>/.exec(option.flags)?.[1] ?? '';
  const kind = KINDS[placeholder];
  if (kind === undefined)
    throw new Error(`${path} ${option.flags}: what is wrong for <${placeholder}>? Say so in this test`);
  return kind;
}

/** Two flags of a command that can be used with others. */
function line(path: string, flags: readonly string[], args: readonly string[] | undefined = RIGHT[path]): string[] {
  if (args === undefined) throw new Error(`vigil ${path}: which arguments are right? Say so in this test`);
  const command = commands.find((known) => pathOf(known) === path);
  const reachesEtcd = command?.options.some((option) => option.long === '--server-name') === true;
  const target = reachesEtcd && !flags.includes('--endpoints') ? ['--endpoints', endpoint] : [];
  return [...path.split(' '), ...flags, ...target, '--', ...args];
}

async function expectRefused(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, stdout, stderr } = await runLine(args, env);
  expect({ code, stdout }, `vigil ${args.join(' ')}: ${stderr}`).toEqual({ code: 2, stdout: '' });
  expect(stderr, args.join(' ')).toMatch(/^vigil: [^\n]+ \[invalid-argument\]\n$/);
  // No option of the library, no secret, no stack.
  expect(stderr, args.join(' ')).not.toMatch(
    /tls\.|\b[a-z]+(?:Ms|Seconds|File|Path|ServerName|Verify)\b|hunter2|^\s+at /m,
  );
  return stderr;
}

describe.each(commands.map((command) => [pathOf(command), command] as const))('vigil %s', (path, command) => {
  it('refuses wrong values of each flag in one line with exit code 2, and sends nothing', async () => {
    connections = 0;
    for (const option of command.options.filter(({ required }) => required)) {
      const flag = option.long ?? '';
      for (const value of kindOf(path, option).wrong) {
        // Files come in sets: with one alone, that is what is refused.
        const told = await expectRefused(line(path, [flag, value]));
        if (value === '' || !/file/.test(option.flags)) expect(told).toContain(flag);
      }
    }
    expect(connections).toBe(0);
  });

  it('refuses each flag that is given twice', async () => {
    for (const option of command.options.filter(({ long }) => long !== '--data')) {
      const flag = option.long ?? '';
      const once = option.required ? [flag, kindOf(path, option).right] : [flag];
      const told = await expectRefused(line(path, [...once, ...once]));
      expect(told).toContain(`'${option.flags}' is given twice`);
    }
    expect(connections).toBe(0);
  });

  it('refuses wrong arguments, too many of them, and flags that do not exist', async () => {
    connections = 0;
    const right = RIGHT[path] ?? [];
    for (const [place, argument] of command.registeredArguments.entries()) {
      const kind = argument.name() === 'value' ? { wrong: [] } : KINDS[argument.name()];
      if (kind === undefined) throw new Error(`vigil ${path} <${argument.name()}>: what is wrong for it?`);
      // An empty key is every key only with --prefix.
      for (const value of kind.wrong) await expectRefused(line(path, [], right.with(place, value)));
    }
    const isOpen = command.registeredArguments.at(-1)?.variadic === true;
    if (!isOpen) await expectRefused(line(path, [], [...right, ...(path === 'put' ? ['x'] : []), 'x']));
    await expectRefused(line(path, ['--nonsense']));
    expect(connections).toBe(0);
  });
});

describe('flags that contradict each other', () => {
  it.each([
    ['get', ['--prefix', '--from-key'], '--from-key'],
    ['get', ['--prefix', '--range-end', 'z'], '--range-end'],
    ['get', ['--range-end', 'a'], '--range-end'],
    ['get', ['--order', 'ascending'], '--sort-by'],
    ['get', ['--keys-only', '--count-only'], '--count-only'],
    ['get', ['--count-only', '--limit', '1'], '--limit'],
    ['get', ['--count-only', '--sort-by', 'key'], '--sort-by'],
    ['get', ['--cert', '/dev/null'], '--cert'],
    ['del', ['--range-end', 'z', '--from-key'], '--from-key'],
    ['del', ['--all'], '--prefix'],
    ['del', ['--all', '--prefix'], 'an empty <key>'],
    ['watch', ['--prefix', '--from-key'], '--prefix'],
    ['put', ['--ignore-value'], '--ignore-value'],
    ['put', ['--ignore-lease', '--lease', '7'], '--ignore-lease'],
    ['lease keep-alive', ['--once', '--interval', '1s'], '--interval'],
    ['serve', ['--cert', 'c'], '--key'],
    ['serve', ['--key', 'k'], '--cert'],
    ['serve', ['--client-ca', 'c'], '--cert'],
    ['relation show', ['--secrets'], '--json'],
    ['relation save', [], '--file'],
    ['relation save', ['--key', 'k'], '--cert'],
    ['relation provide', [], '--endpoints'],
    ['relation provide', ['--retract', '--endpoints', 'http://h:1'], '--retract'],
    ['relation provide', ['--retract', '--etcd-version', '3.5.18'], '--etcd-version'],
    ['relation provide', ['--ca', '/nope'], '--ca'],
    ['relation provide', ['--ca', '/nope', '--key', '/nope', '--cert', '/nope'], '/nope'],
  ])('are refused: vigil %s %j', async (path, flags, told) => {
    connections = 0;
    expect(await expectRefused(line(path, flags))).toContain(told);
    expect(connections).toBe(0);
  });

  it('are refused where TLS is asked for and the endpoint is plain', async () => {
    for (const flags of [
      ['--cacert', 'ca'],
      ['--cert', 'c', '--key', 'k'],
      ['--server-name', 'n'],
      ['--insecure-skip-tls-verify'],
    ]) {
      const told = await expectRefused(['get', 'k', ...flags, '--endpoints', 'http://127.0.0.1:1']);
      expect(told).toContain(flags[0]);
    }
    const demo = await expectRefused(['demo', '--cacert', 'ca']);
    expect(demo).toContain('--endpoints');
  });

  it('an empty prefix deletes nothing unless --all says so', async () => {
    connections = 0;
    const told = await expectRefused(['del', '', '--prefix', '--endpoints', endpoint]);
    expect(told).toContain('--all');
    expect(connections).toBe(0);
  });

  it('an empty key has a hint how to mean every key', async () => {
    for (const command of ['get', 'del', 'watch']) {
      const told = await expectRefused([command, '', '--from-key', '--endpoints', endpoint]);
      expect(told).toContain('give an empty <key> with --prefix');
    }
  });
});
