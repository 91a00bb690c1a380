/** `vigil lease grant`: grants a lease and leaves it to whoever keeps it alive. */
import type { Command } from 'commander';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { leaseId, wholeNumber } from '../option-values.js';
import { print } from '../output.js';
import { leaseLine } from './lease-text.js';

interface GrantFlags extends ConnectionFlags {
  readonly id?: bigint;
}

export function addLeaseGrant(lease: Command, context: CommandContext): void {
  const command = lease
    .command('grant')
    .description('grant a lease, print its id, and do not keep it alive')
    .argument('<seconds>', 'time to live', wholeNumber(1))
    .option('--id <id>', 'the id to give it; default: a random one', leaseId);
  addConnectionFlags(command).action((seconds: number, flags: GrantFlags) => context.run(grant(seconds, flags)));
}

async function grant(seconds: number, flags: GrantFlags): Promise<number> {
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    const lease = await etcd.leases.grant({ ttlSeconds: seconds, leaseId: flags.id });
    const { ttlSeconds } = lease;
    lease.release();
    await print(leaseLine(flags.json, lease.leaseId, { ttlSeconds }, String(lease.leaseId)));
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}
