/** `vigil lease revoke`: ends leases; etcd deletes their keys. */
import type { Command } from 'commander';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { describeFailure } from '../failure.js';
import { leaseId } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { NO_THREADS, withEtcd } from '../with-etcd.js';
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
    context.run((session) => revoke(ids, flags, session)),
  );
}

/** One by one. One that cannot be revoked is told with its id, and the others are revoked all the same. */
async function revoke(ids: readonly bigint[], flags: ConnectionFlags, session: Session): Promise<number> {
  const { output, stop } = session;
  session.isWriting = true;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    let code: number = exitCode.ok;
    const revoked: bigint[] = [];
    for (const id of ids) {
      try {
        await etcd.leases.revoke(id, { signal: stop.signal });
      } catch (error) {
        if (stop.signal.aborted) throw error;
        code = exitCode.failed;
        output.note(describeFailure(error, session.words, `lease ${String(id)}`).text);
        continue;
      }
      revoked.push(id);
      session.done = `revoked ${revoked.join(', ')}`;
      await output.print(leaseLine(flags.json, id, { revoked: true }, `revoked ${String(id)}`));
    }
    return code;
  });
}
