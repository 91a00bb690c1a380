/** `vigil lease revoke`: ends leases; etcd deletes their keys. */
import type { Command } from 'commander';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { leaseId } from '../option-values.js';
import { print } from '../output.js';
import { leaseLine } from './lease-text.js';

export function addLeaseRevoke(lease: Command, context: CommandContext): void {
  const command = lease
    .command('revoke')
    .description('end leases and delete the keys that hang on them')
    .argument('<ids...>', 'decimal, or hexadecimal with 0x', (text: string, before: readonly bigint[] | undefined) => [
      ...(before ?? []),
      leaseId(text),
    ]);
  addConnectionFlags(command).action((ids: readonly bigint[], flags: ConnectionFlags) =>
    context.run(revoke(ids, flags)),
  );
}

/** One by one: an unknown one is told as such, and the rest stays. */
async function revoke(ids: readonly bigint[], flags: ConnectionFlags): Promise<number> {
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    for (const id of ids) {
      await etcd.leases.revoke(id);
      await print(leaseLine(flags.json, id, { revoked: true }, `revoked ${String(id)}`));
    }
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}
