/** `vigil lease ttl`: what etcd says of a lease. */
import type { Command } from 'commander';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { bytesJson, type JsonObject } from '../json-shape.js';
import { leaseId } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { printable } from '../text-shape.js';
import { NO_THREADS, withEtcd } from '../with-etcd.js';
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
  addConnectionFlags(command).action((id: bigint, flags: TtlFlags) =>
    context.run((session) => ttl(id, flags, session)),
  );
}

async function ttl(id: bigint, flags: TtlFlags, session: Session): Promise<number> {
  const { output, stop } = session;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    const found = await etcd.leases.timeToLive(id, { keys: flags.keys, signal: stop.signal });
    if (found === undefined) {
      output.note('vigil: no such lease');
      return exitCode.failed;
    }
    const { ttlSeconds, grantedTtlSeconds, keys } = found;
    const keysJson: JsonObject = flags.keys === true ? { keys: keys.map((key) => bytesJson('key', key)) } : {};
    const text = [`${String(ttlSeconds)} s left of ${String(grantedTtlSeconds)} s`, ...keys.map(printable)].join('\n');
    await output.print(leaseLine(flags.json, id, { ttlSeconds, grantedTtlSeconds, ...keysJson }, text));
    return exitCode.ok;
  });
}
