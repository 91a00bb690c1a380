/**
 * `vigil demo-etcd` (hidden): keeps the demo's own etcd. A process of its own, so that the etcd is stopped and its data
 * removed however the demo ends, even killed: the end of the IPC channel is the sign.
 */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { OwnEtcd } from './demo/own-etcd.js';
import type { FromKeeper, ToKeeper } from './demo/messages.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';

export function addDemoEtcd(program: Command, context: CommandContext): void {
  program.command('demo-etcd', { hidden: true }).action(() => context.run(demoEtcd()));
}

async function demoEtcd(): Promise<number> {
  if (process.send === undefined) throw usageError('demo-etcd is started by vigil demo');
  const send = (message: FromKeeper): void => void process.send?.(message);
  const abandoned = new AbortController();
  const disconnected = new Promise<void>((resolve) => {
    process.once('disconnect', () => {
      abandoned.abort();
      resolve();
    });
  });
  // Its own group keeps Ctrl-C away; what is sent to it by hand ends it in the same order.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => process.disconnect());
  const started = new Promise<OwnEtcd | undefined>((resolve) => {
    process.once('disconnect', () => resolve(undefined));
    process.once('message', ({ binary }: ToKeeper) => {
      OwnEtcd.start(binary, abandoned.signal).then(resolve, (error: unknown) => {
        send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
        resolve(undefined);
      });
    });
  });
  const etcd = await started;
  try {
    if (etcd !== undefined && process.connected)
      send({ kind: 'ready', endpoint: etcd.endpoint, pid: etcd.pid, folder: etcd.folder });
    await disconnected;
  } finally {
    await etcd?.close();
  }
  return exitCode.ok;
}
