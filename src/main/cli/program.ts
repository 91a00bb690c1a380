/** The command `vigil`: its subcommands, and how what happens in them becomes an exit code. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { CommandContext } from './command-context.js';
import { addDel } from './del.js';
import { addDemo } from './demo.js';
import { addDemoWriter } from './demo-writer.js';
import { exitCode } from './exit-code.js';
import { describeFailure } from './failure.js';
import { addGet } from './get.js';
import { addLease } from './lease.js';
import { guardOutput, note } from './output.js';
import { addPut } from './put.js';
import { addRelation } from './relation.js';
import { addServe } from './serve.js';
import { addWatch } from './watch.js';

const EXIT_CODES = `
Exit codes: 0 done; 1 failed (refused, no such key, check failed); 2 not begun (wrong usage, no server at the endpoints,
a port in use); 130 ended by Ctrl-C.`;

/** Runs the command line; gives the exit code. Never throws. */
export async function runVigil(args: readonly string[]): Promise<number> {
  guardOutput();
  let code: number = exitCode.ok;
  const program = makeProgram({
    run: async (work) => {
      code = await work;
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // commander has printed its message, or the help, by itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.notStarted;
    const failure = describeFailure(error);
    note(failure.text);
    return failure.exitCode;
  }
}

/** All commands, for parsing one command line. */
export function makeProgram(context: CommandContext): Command {
  const program = new Command('vigil')
    .description('Watches, keys and leases of etcd v3.')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  addDemo(program, context);
  addWatch(program, context);
  addGet(program, context);
  addPut(program, context);
  addDel(program, context);
  addLease(program, context);
  addRelation(program, context);
  addServe(program, context);
  addDemoWriter(program, context);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version: unknown }).version); // our own manifest
}
