/** The command `vigil`: its subcommands, and what holds for all of them. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, type Option } from 'commander';
import { addDel } from './del.js';
import { addDemo } from './demo.js';
import { addDemoWriter } from './demo-writer.js';
import { addGet } from './get.js';
import { addLease } from './lease.js';
import { addPut } from './put.js';
import { addRelation } from './relation.js';
import { addServe, DATA_FLAG } from './serve.js';
import type { CommandContext } from './session.js';
import { addWatch } from './watch.js';

const EXIT_CODES = `
Exit codes: 0 done, or nobody reads the output any more; 1 failed (refused, no such key, check failed, output cannot be
written); 2 not begun (wrong usage, no server at the endpoints, a port in use); 129, 130, 143 ended by SIGHUP, Ctrl-C, SIGTERM.`;

/** The only flags that may be given again. */
const REPEATABLE: readonly string[] = [DATA_FLAG];

/** Where commander's own texts go. */
export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** All commands, for parsing one command line. */
export function makeProgram(context: CommandContext, output?: ProgramOutput): Command {
  const program = new Command('vigil')
    .description('Watches, keys and leases of etcd v3.')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  if (output !== undefined)
    program.configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      outputError: (text, write) => write(refusal(text)),
    });
  addDemo(program, context);
  addWatch(program, context);
  addGet(program, context);
  addPut(program, context);
  addDel(program, context);
  addLease(program, context);
  addRelation(program, context);
  addServe(program, context);
  addDemoWriter(program, context);
  for (const command of allCommands(program)) harden(command);
  return program;
}

export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** commander answers `help` of a command that it does not know with the whole help, as if it were right. */
export function refuseUnknownHelp(program: Command, args: readonly string[]): void {
  const at = args.indexOf('help');
  if (at === -1) return;
  const asker = descend(program, args.slice(0, at));
  // Behind a command that has none below it, `help` is an argument, such as a key.
  if (asker.unknown !== undefined || asker.command.commands.length === 0) return;
  const { command, unknown } = descend(asker.command, args.slice(at + 1));
  if (unknown !== undefined && unknown !== 'help' && !unknown.startsWith('-'))
    command.error(`error: unknown command '${unknown}'`);
}

/** The command that these names lead to, as far as they are known. */
function descend(from: Command, names: readonly string[]): { command: Command; unknown?: string } {
  const [name, ...rest] = names;
  if (name === undefined) return { command: from };
  const found = from.commands.find((known) => known.name() === name);
  return found === undefined ? { command: from, unknown: name } : descend(found, rest);
}

/** What is refused of every flag, so that none can be forgotten: an empty value, and a second one. */
function harden(command: Command): void {
  for (const option of command.options) {
    refuseEmpty(option);
    if (option.long !== undefined && REPEATABLE.includes(option.long)) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) command.error(`error: option '${option.flags}' is given twice`);
      isGiven = true;
    });
  }
}

function refuseEmpty(option: Option): void {
  if (!option.required) return;
  const { parseArg } = option;
  option.argParser((text: string, before: unknown): unknown => {
    if (text === '') throw new InvalidArgumentError('It must not be empty.');
    return parseArg === undefined ? text : parseArg(text, before);
  });
}

/** In one line, like every other refusal. */
function refusal(text: string): string {
  const message = text
    .trim()
    .replace(/^error: /u, '')
    .replace(/\s*\n\s*/gu, ' ');
  return `vigil: ${message} [invalid-argument]\n`;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version: unknown }).version); // our own manifest
}
