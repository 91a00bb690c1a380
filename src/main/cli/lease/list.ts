/** `vigil lease list`: the ids of all leases of the cluster. */
import type { Command } from 'commander';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { print } from '../output.js';
import { leaseLine } from './lease-text.js';

export function addLeaseList(lease: Command, context: CommandContext): void {
  const command = lease.command('list').description('print the id of each lease of the cluster');
  addConnectionFlags(command).action((flags: ConnectionFlags) => context.run(list(flags)));
}

async function list(flags: ConnectionFlags): Promise<number> {
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    for await (const leaseId of etcd.leases.list()) await print(leaseLine(flags.json, leaseId, {}, String(leaseId)));
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}
