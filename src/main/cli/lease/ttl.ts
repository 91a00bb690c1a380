/** `vigil lease ttl`: what etcd says of a lease. */
import type { Command } from 'commander';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { bytesJson, type JsonObject } from '../json-shape.js';
import { leaseId } from '../option-values.js';
import { note, print } from '../output.js';
import { printable } from '../text-shape.js';
import { leaseLine } from './lease-text.js';

interface TtlFlags extends ConnectionFlags {
  readonly keys?: boolean;
}

export function addLeaseTtl(lease: Command, context: CommandContext): void {
  const command = lease
    .command('ttl')
    .description('print how long a lease lives, and the keys that hang on it')
    .argument('<id>', 'decimal, or hexadecimal with 0x', leaseId)
    .option('--keys', 'also the keys');
  addConnectionFlags(command).action((id: bigint, flags: TtlFlags) => context.run(ttl(id, flags)));
}

async function ttl(id: bigint, flags: TtlFlags): Promise<number> {
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    const found = await etcd.leases.timeToLive(id, { keys: flags.keys });
    if (found === undefined) {
      note('vigil: no such lease');
      return exitCode.failed;
    }
    const { ttlSeconds, grantedTtlSeconds, keys } = found;
    const keysJson: JsonObject = flags.keys === true ? { keys: keys.map((key) => bytesJson('key', key)) } : {};
    const text = [`${String(ttlSeconds)} s left of ${String(grantedTtlSeconds)} s`, ...keys.map(printable)].join('\n');
    await print(leaseLine(flags.json, id, { ttlSeconds, grantedTtlSeconds, ...keysJson }, text));
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}
