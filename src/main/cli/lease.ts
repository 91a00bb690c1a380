/** `vigil lease`: the commands about leases. */
import type { Command } from 'commander';
import type { CommandContext } from './session.js';
import { addLeaseGrant } from './lease/grant.js';
import { addLeaseHold } from './lease/hold.js';
import { addLeaseKeepAlive } from './lease/keep-alive.js';
import { addLeaseList } from './lease/list.js';
import { addLeaseRevoke } from './lease/revoke.js';
import { addLeaseTtl } from './lease/ttl.js';

export function addLease(program: Command, context: CommandContext): void {
  const lease = program.command('lease').description('grant, hold, renew, list, look at and revoke leases');
  addLeaseGrant(lease, context);
  addLeaseHold(lease, context);
  addLeaseKeepAlive(lease, context);
  addLeaseList(lease, context);
  addLeaseTtl(lease, context);
  addLeaseRevoke(lease, context);
}
