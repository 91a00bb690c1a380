/** `vigil lease list`: the ids of all leases of the cluster. */
import type { Command } from 'commander';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import type { CommandContext, Session } from '../session.js';
import { NO_THREADS, withEtcd } from '../with-etcd.js';
import { leaseLine } from './lease-text.js';

/** Lines that are written at once. */
const LINES = 1_000;

export function addLeaseList(lease: Command, context: CommandContext): void {
  const command = lease.command('list').description('print the id of each lease of the cluster');
  addConnectionFlags(command).action((flags: ConnectionFlags) => context.run((session) => list(flags, session)));
}

async function list(flags: ConnectionFlags, session: Session): Promise<number> {
  const { output, stop } = session;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    let lines: string[] = [];
    for await (const leaseId of etcd.leases.list({ signal: stop.signal })) {
      lines.push(leaseLine(flags.json, leaseId, {}, String(leaseId)));
      if (lines.length < LINES) continue;
      await output.print(lines.join(''));
      lines = [];
    }
    await output.print(lines.join(''));
    return exitCode.ok;
  });
}
