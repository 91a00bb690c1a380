/** `vigil lease keep-alive`: renews a lease granted elsewhere until it is stopped or the lease is gone. */
import type { Command } from 'commander';
import type { Etcd } from '../../index.js';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { duration, leaseId } from '../option-values.js';
import { note, print } from '../output.js';
import { stopSignals } from '../stop-signals.js';
import { leaseLine } from './lease-text.js';

interface KeepAliveFlags extends ConnectionFlags {
  readonly once?: boolean;
  readonly interval?: number;
}

export function addLeaseKeepAlive(lease: Command, context: CommandContext): void {
  const command = lease
    .command('keep-alive')
    .description('renew a lease until Ctrl-C, one line a renewal; it then runs out by itself')
    .argument('<id>', 'decimal, or hexadecimal with 0x', leaseId)
    .option('--once', 'only once')
    .option('--interval <time>', 'how often; default: a third of its time to live', duration);
  addConnectionFlags(command).action((id: bigint, flags: KeepAliveFlags) => context.run(keepAlive(id, flags)));
}

async function keepAlive(id: bigint, flags: KeepAliveFlags): Promise<number> {
  const stop = stopSignals();
  try {
    const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline', signal: stop.signal });
    try {
      const tell = (ttlSeconds: number): Promise<void> =>
        print(leaseLine(flags.json, id, { ttlSeconds }, `renewed, ${String(ttlSeconds)} s left`));
      if (flags.once === true) await tell(await etcd.leases.keepAliveOnce(id, { signal: stop.signal }));
      else if (!(await keep(etcd, id, flags, tell, stop.signal))) return exitCode.failed;
    } finally {
      await etcd.close();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.release();
  }
  return stop.exitCode() ?? exitCode.ok;
}

/** False when the lease was lost. */
async function keep(
  etcd: Etcd,
  id: bigint,
  flags: KeepAliveFlags,
  tell: (ttlSeconds: number) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const lease = await etcd.leases.keepAlive(id, { intervalMs: flags.interval, signal });
  await tell(lease.ttlSeconds);
  lease.onRenewed(({ ttlSeconds }) => void tell(ttlSeconds));
  signal.addEventListener('abort', () => lease.release(), { once: true });
  if (signal.aborted) lease.release();
  const end = await lease.ended;
  if (end.reason === 'released') return true;
  note(`vigil: the lease has ended: ${end.reason}${end.error === undefined ? '' : ` (${end.error.message})`}`);
  return false;
}
