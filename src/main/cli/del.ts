/** `vigil del`: deletes a key or a range, in one revision. */
import type { Command } from 'commander';
import { addConnectionFlags, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { keyValueJson } from './json-shape.js';
import type { RangeInput } from '../index.js';
import { addRangeFlags, rangeFrom, type RangeFlags } from './range-flags.js';
import type { CommandContext, Session } from './session.js';
import { printable } from './text-shape.js';
import { NO_THREADS, withEtcd } from './with-etcd.js';

interface DelFlags extends ConnectionFlags, RangeFlags {
  readonly prevKv?: boolean;
  readonly all?: boolean;
}

export function addDel(program: Command, context: CommandContext): void {
  const command = program.command('del <key>').description('delete a key or a range; print how many were deleted');
  addRangeFlags(command)
    .option('--prev-kv', 'print what was deleted')
    .option('--all', 'with an empty <key> and --prefix: delete every key, on purpose');
  addConnectionFlags(command).action((key: string, flags: DelFlags) =>
    context.run((session) => del(key, flags, session)),
  );
}

/** An empty prefix is every key, and too easily a variable of a script that happened to be empty: it needs `--all`. */
function deletedRange(key: string, flags: DelFlags): RangeInput {
  const range = rangeFrom(key, flags);
  const isEverything = flags.prefix === true && key === '';
  if (isEverything && flags.all !== true)
    throw usageError('an empty <key> with --prefix would delete every key; to do that give --all, too');
  if (flags.all !== true) return range;
  if (!isEverything) throw usageError('--all goes with an empty <key> and --prefix only');
  return { all: true };
}

async function del(key: string, flags: DelFlags, session: Session): Promise<number> {
  const range = deletedRange(key, flags);
  const { output, stop } = session;
  session.isWriting = true;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    const { deleted, prevKvs, header } = await etcd.kv.delete(range, { prevKv: flags.prevKv, signal: stop.signal });
    session.done = `${deleted === 1n ? '1 key was' : `${String(deleted)} keys were`} deleted in revision ${String(header.revision)}`;
    if (flags.json === true) {
      const prev = flags.prevKv === true ? { prevKvs: prevKvs.map((kv) => keyValueJson(kv)) } : {};
      const shape = { deleted: String(deleted), revision: String(header.revision), ...prev };
      await output.print(`${JSON.stringify(shape)}\n`);
      return exitCode.ok;
    }
    const lines = prevKvs.map((kv) => `${printable(kv.key)}\t${printable(kv.value)}\n`);
    await output.print(`${String(deleted)}\n${lines.join('')}`);
    return exitCode.ok;
  });
}
