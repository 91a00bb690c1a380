/** docs/guide/cli.md names each flag, exit code and variable that the command has, and none that it has not. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exitCode } from '../../../src/main/cli/exit-code.js';
import { allCommands, makeProgram } from '../../../src/main/cli/program.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/guide/cli.md', import.meta.url)), 'utf8');
const environment = readFileSync(
  fileURLToPath(new URL('../../../src/main/cli/environment.ts', import.meta.url)),
  'utf8',
);
const commands = allCommands(makeProgram({ run: () => Promise.resolve() }));
const flags = new Set(commands.flatMap((command) => command.options.map(({ long }) => long ?? '')));

describe('the page of the command', () => {
  it('names each flag, and no other', () => {
    const named = new Set(Array.from(page.matchAll(/--[a-z][a-z0-9-]+/g), ([flag]) => flag));
    const general = ['--version', '--help', '--global'];
    expect([...flags].filter((flag) => !named.has(flag) && !general.includes(flag))).toEqual([]);
    expect([...named].filter((flag) => !flags.has(flag) && !general.includes(flag))).toEqual([]);
  });

  it('names each exit code', () => {
    const table = page.slice(page.indexOf('## Exit codes'), page.indexOf('Results go to stdout'));
    const told = Array.from(table.matchAll(/^\| ([\d, ]+)/gm), ([, codes]) => codes?.split(',').map(Number) ?? []);
    expect(told.flat().sort((left, right) => left - right)).toEqual(
      Object.values(exitCode).sort((left, right) => left - right),
    );
  });

  it('names each variable that is read', () => {
    const read = new Set(Array.from(environment.matchAll(/'(ETCD[A-Z_]+)'/g), ([, name]) => name ?? ''));
    expect(read.size).toBeGreaterThan(10);
    expect([...read].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
