/** `vigil lease grant`: grants a lease and leaves it to whoever keeps it alive. */
import type { Command } from 'commander';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { leaseId, LONGEST_TTL_SECONDS, wholeNumber } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { NO_THREADS, withEtcd } from '../with-etcd.js';
import { leaseLine } from './lease-text.js';

interface GrantFlags extends ConnectionFlags {
  readonly id?: bigint;
}

export function addLeaseGrant(lease: Command, context: CommandContext): void {
  const command = lease
    .command('grant')
    .description('grant a lease, print its id, and do not keep it alive')
    .argument('<seconds>', 'time to live', wholeNumber(1, LONGEST_TTL_SECONDS))
    .option('--id <id>', 'the id to give it; default: a random one', leaseId);
  addConnectionFlags(command).action((seconds: number, flags: GrantFlags) =>
    context.run((session) => grant(seconds, flags, session)),
  );
}

async function grant(seconds: number, flags: GrantFlags, session: Session): Promise<number> {
  const { output, stop } = session;
  session.isWriting = true;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    const lease = await etcd.leases.grant({ ttlSeconds: seconds, leaseId: flags.id, signal: stop.signal });
    const { ttlSeconds } = lease;
    const disown = stop.own(
      `lease ${String(lease.leaseId)}; revoke it with: vigil lease revoke ${String(lease.leaseId)}`,
    );
    await output.print(leaseLine(flags.json, lease.leaseId, { ttlSeconds }, String(lease.leaseId)));
    await output.settled(stop.hurry);
    // A lease whose id nobody knows can be used by nobody.
    if (output.isStdoutBroken && flags.id === undefined) {
      await lease.revoke();
      output.note('vigil: nobody could read the id of the lease: it was revoked');
    } else lease.release();
    disown();
    return exitCode.ok;
  });
}
