/** `vigil del`: deletes a key or a range, in one revision. */
import type { Command } from 'commander';
import { connect } from './lazy-connect.js';
import type { CommandContext } from './command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { keyValueJson } from './json-shape.js';
import { print } from './output.js';
import { addRangeFlags, rangeFrom, type RangeFlags } from './range-flags.js';
import { printable } from './text-shape.js';

interface DelFlags extends ConnectionFlags, RangeFlags {
  readonly prevKv?: boolean;
}

export function addDel(program: Command, context: CommandContext): void {
  const command = program.command('del <key>').description('delete a key or a range; print how many were deleted');
  addRangeFlags(command).option('--prev-kv', 'print what was deleted');
  addConnectionFlags(command).action((key: string, flags: DelFlags) => context.run(del(key, flags)));
}

async function del(key: string, flags: DelFlags): Promise<number> {
  const range = rangeFrom(key, flags);
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    const { deleted, prevKvs, header } = await etcd.kv.delete(range, { prevKv: flags.prevKv });
    if (flags.json === true) {
      const prev = flags.prevKv === true ? { prevKvs: prevKvs.map((kv) => keyValueJson(kv)) } : {};
      const shape = { deleted: String(deleted), revision: String(header.revision), ...prev };
      await print(`${JSON.stringify(shape)}\n`);
      return exitCode.ok;
    }
    await print(`${String(deleted)}\n`);
    for (const kv of prevKvs) await print(`${printable(kv.key)}\t${printable(kv.value)}\n`);
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}
