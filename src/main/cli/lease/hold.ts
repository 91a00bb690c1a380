/** `vigil lease hold`: grants many leases, keeps them alive, shows how they fare, and revokes them at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import cliProgress from 'cli-progress';
import type { Command } from 'commander';
import type { Etcd, LeaseCollection } from '../../index.js';
import { connect } from '../lazy-connect.js';
import type { CommandContext } from '../command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { shards, wholeNumber } from '../option-values.js';
import { note, print, whenOutputBreaks } from '../output.js';
import { stopSignals } from '../stop-signals.js';

interface HoldFlags extends ConnectionFlags {
  readonly ttl: number;
  readonly seconds?: number;
  readonly shards?: number | 'inline';
}

const LINE_EVERY_MS = 1_000;

export function addLeaseHold(lease: Command, context: CommandContext): void {
  const command = lease
    .command('hold')
    .description('grant leases and keep them alive until Ctrl-C, a line a second; then revoke them')
    .argument('<count>', 'how many', wholeNumber(1, 1_000_000))
    .option('--ttl <seconds>', 'their time to live', wholeNumber(1), 15)
    .option('--seconds <n>', 'end by itself after so long', wholeNumber(1))
    .option('--shards <n>', 'worker threads, or inline; default: one less than the cores, 1 to 4', shards);
  addConnectionFlags(command).action((count: number, flags: HoldFlags) => context.run(hold(count, flags)));
}

async function hold(count: number, flags: HoldFlags): Promise<number> {
  const stop = stopSignals();
  // Nobody reads any more: the leases are still to be revoked.
  whenOutputBreaks(() => stop.stop());
  try {
    const etcd = await connect({
      ...connectOptions(flags, process.env),
      shards: flags.shards,
      signal: stop.signal,
    });
    try {
      const leases = await grant(etcd, count, flags, stop.signal);
      await follow(etcd, leases, flags, stop.signal);
      const lost = leases.size - leases.aliveCount;
      await leases.revoke();
      note(`vigil: ${String(count - lost)} leases revoked, ${String(lost)} lost`);
      if (lost > 0) return exitCode.failed;
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

/** With a bar on a terminal. */
async function grant(etcd: Etcd, count: number, flags: HoldFlags, signal: AbortSignal): Promise<LeaseCollection> {
  const { stderr } = process;
  const bar = new cliProgress.SingleBar({
    stream: stderr,
    format: 'granting [{bar}] {value} of {total}',
    gracefulExit: false,
    clearOnComplete: true,
  });
  if (stderr.isTTY) bar.start(count, 0);
  try {
    const onProgress = (answered: number): void => bar.update(answered);
    return await etcd.leases.grantMany(count, { ttlSeconds: flags.ttl, signal, onProgress });
  } finally {
    bar.stop();
  }
}

/** Until it is stopped, its time is over, or no lease is left. */
async function follow(etcd: Etcd, leases: LeaseCollection, flags: HoldFlags, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + (flags.seconds ?? Infinity) * 1_000;
  let before = await keepAlives(etcd);
  let atMs = performance.now();
  while (!signal.aborted && leases.aliveCount > 0 && performance.now() < endMs) {
    const pauseMs = Math.min(LINE_EVERY_MS, Math.max(1, endMs - performance.now()));
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    const [now, answered] = [performance.now(), await keepAlives(etcd)];
    const perSecond = Math.round((Math.max(0, answered - before) / (now - atMs)) * 1_000);
    [before, atMs] = [answered, now];
    const { size, aliveCount, shortestRemainingMs } = leases;
    const figures = { held: aliveCount, lost: size - aliveCount, keepAlivesPerSecond: perSecond };
    const left = shortestRemainingMs === undefined ? '-' : `${(shortestRemainingMs / 1_000).toFixed(1)} s`;
    await print(
      flags.json === true
        ? `${JSON.stringify({ ...figures, shortestRemainingMs: Math.round(shortestRemainingMs ?? 0) })}\n`
        : `${String(aliveCount)} held, ${String(figures.lost)} lost, ${String(perSecond)} keepalives/s, shortest left ${left}\n`,
    );
  }
}

async function keepAlives(etcd: Etcd): Promise<number> {
  const { shards: summaries } = await etcd.stats();
  return summaries.reduce((sum, { stats }) => sum + (stats?.keepAlives ?? 0), 0);
}
