/** `vigil lease hold`: grants many leases, keeps them alive, shows how they fare, and revokes them at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Etcd } from '../../index.js';
import { addConnectionFlags, type ConnectionFlags } from '../connection-flags.js';
import { exitCode } from '../exit-code.js';
import { LeaseBatches } from '../lease-batches.js';
import { barText, LiveBlock } from '../live-block.js';
import { LONGEST_SECONDS, LONGEST_TTL_SECONDS, shards, wholeNumber } from '../option-values.js';
import type { CommandContext, Session } from '../session.js';
import { withEtcd } from '../with-etcd.js';

interface HoldFlags extends ConnectionFlags {
  readonly ttl: number;
  readonly seconds?: number;
  readonly shards?: number | 'inline';
}

const LINE_EVERY_MS = 1_000;
const BAR_WIDTH = 40;

export function addLeaseHold(lease: Command, context: CommandContext): void {
  const command = lease
    .command('hold')
    .description('grant leases and keep them alive until Ctrl-C, a line a second; then revoke them')
    .argument('<count>', 'how many', wholeNumber(1, 1_000_000))
    .option('--ttl <seconds>', 'their time to live', wholeNumber(1, LONGEST_TTL_SECONDS), 15)
    .option('--seconds <n>', 'end by itself after so long', wholeNumber(1, LONGEST_SECONDS))
    .option('--shards <n>', 'worker threads, or inline; default: one less than the cores, 1 to 4', shards);
  addConnectionFlags(command).action((count: number, flags: HoldFlags) =>
    context.run((session) => hold(count, flags, session)),
  );
}

async function hold(count: number, flags: HoldFlags, session: Session): Promise<number> {
  const { output, stop } = session;
  return withEtcd(session, flags, { shards: flags.shards }, async (etcd) => {
    const disown = stop.own(`up to ${String(count)} leases, which run out by themselves within ${String(flags.ttl)} s`);
    const leases = await grant(etcd, count, flags, session);
    await follow(etcd, leases, flags, session);
    const lost = leases.size - leases.aliveCount;
    await leases.revoke();
    disown();
    output.note(`vigil: ${String(leases.size - lost)} leases revoked, ${String(lost)} lost`);
    return lost > 0 ? exitCode.failed : stop.exitCode();
  });
}

/** With a bar on a terminal. Fewer than asked for where it is stopped. */
async function grant(etcd: Etcd, count: number, flags: HoldFlags, { output, stop }: Session): Promise<LeaseBatches> {
  const block = output.stderr.isTTY === true ? new LiveBlock(output.stderr, (text) => output.noteRaw(text)) : undefined;
  const show = (answered: number): void => {
    const text = ` ${String(answered)} of ${String(count)}`;
    block?.draw((columns) => [
      `granting ${barText(answered / count, Math.min(BAR_WIDTH, columns - 11 - text.length))}${text}`,
    ]);
  };
  show(0);
  try {
    return await LeaseBatches.grant(etcd, count, { ttlSeconds: flags.ttl, stop, onProgress: show });
  } finally {
    block?.clear();
  }
}

/** Until it is stopped, its time is over, or no lease is left. */
async function follow(etcd: Etcd, leases: LeaseBatches, flags: HoldFlags, session: Session): Promise<void> {
  const { signal } = session.stop;
  const endMs = performance.now() + (flags.seconds ?? Infinity) * 1_000;
  let before = await keepAlives(etcd);
  let atMs = performance.now();
  while (!signal.aborted && leases.aliveCount > 0 && performance.now() < endMs) {
    const pauseMs = Math.min(LINE_EVERY_MS, Math.max(1, endMs - performance.now()));
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    const [now, answered] = [performance.now(), await keepAlives(etcd)];
    const perSecond = Math.round((Math.max(0, answered - before) / (now - atMs)) * 1_000);
    [before, atMs] = [answered, now];
    await session.output.print(line(leases, perSecond, flags.json));
  }
}

function line({ size, aliveCount, shortestRemainingMs }: LeaseBatches, perSecond: number, isJson = false): string {
  const lost = size - aliveCount;
  if (isJson) {
    const figures = { held: aliveCount, lost, keepAlivesPerSecond: perSecond };
    return `${JSON.stringify({ ...figures, shortestRemainingMs: Math.round(shortestRemainingMs ?? 0) })}\n`;
  }
  const left = shortestRemainingMs === undefined ? '-' : `${(shortestRemainingMs / 1_000).toFixed(1)} s`;
  return `${String(aliveCount)} held, ${String(lost)} lost, ${String(perSecond)} keepalives/s, shortest left ${left}\n`;
}

async function keepAlives(etcd: Etcd): Promise<number> {
  const { shards: summaries } = await etcd.stats();
  return summaries.reduce((sum, { stats }) => sum + (stats?.keepAlives ?? 0), 0);
}
