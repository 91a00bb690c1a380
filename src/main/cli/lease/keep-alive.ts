/** `vigil lease keep-alive`: renews a lease granted elsewhere until it is stopped or the lease is gone. */
import type { Command } from 'commander';
import type { Etcd } from '../../index.js';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { LONGEST_MS } from '../duration-text.js';
import { exitCode } from '../exit-code.js';
import { usageError } from '../failure.js';
import { leaseId, timeWithin } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { NO_THREADS, withEtcd } from '../with-etcd.js';
import { leaseLine } from './lease-text.js';

interface KeepAliveFlags extends ConnectionFlags {
  readonly once?: boolean;
  readonly interval?: number;
}

/** More often than that the engine does not renew. */
const SHORTEST_INTERVAL_MS = 50;

export function addLeaseKeepAlive(lease: Command, context: CommandContext): void {
  const command = lease
    .command('keep-alive')
    .description('renew a lease until Ctrl-C, one line a renewal; it then runs out by itself')
    .argument('<id>', 'decimal, or hexadecimal with 0x', leaseId)
    .option('--once', 'only once')
    .option(
      '--interval <time>',
      'how often; default: a third of its time to live',
      timeWithin(SHORTEST_INTERVAL_MS, LONGEST_MS),
    );
  addConnectionFlags(command).action((id: bigint, flags: KeepAliveFlags) =>
    context.run((session) => keepAlive(id, flags, session)),
  );
}

async function keepAlive(id: bigint, flags: KeepAliveFlags, session: Session): Promise<number> {
  if (flags.once === true && flags.interval !== undefined) throw usageError('give only one of --once and --interval');
  const { output, stop } = session;
  const tell = (ttlSeconds: number): Promise<void> =>
    output.print(leaseLine(flags.json, id, { ttlSeconds }, `renewed, ${String(ttlSeconds)} s left`));
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    if (flags.once !== true) return keep(etcd, id, flags, tell, session);
    await tell(await etcd.leases.keepAliveOnce(id, { signal: stop.signal }));
    return exitCode.ok;
  });
}

async function keep(
  etcd: Etcd,
  id: bigint,
  flags: KeepAliveFlags,
  tell: (ttlSeconds: number) => Promise<void>,
  { output, stop }: Session,
): Promise<number> {
  const { signal } = stop;
  const lease = await etcd.leases.keepAlive(id, { intervalMs: flags.interval, signal });
  await tell(lease.ttlSeconds);
  lease.onRenewed(({ ttlSeconds }) => void tell(ttlSeconds));
  signal.addEventListener('abort', () => lease.release(), { once: true });
  if (signal.aborted) lease.release();
  const end = await lease.ended;
  if (end.reason === 'released') return stop.exitCode();
  output.note(`vigil: the lease has ended: ${end.reason}${end.error === undefined ? '' : ` (${end.error.message})`}`);
  return exitCode.failed;
}
