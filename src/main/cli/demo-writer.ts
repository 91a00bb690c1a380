/** `vigil demo-writer` (hidden): the demo's writer as a process of its own, told what to do over its IPC channel. */
import type { Command } from 'commander';
import type { FromWriter, ToWriter } from './demo/messages.js';
import type { Writer } from './demo/writer.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import type { CommandContext, Session } from './session.js';

export function addDemoWriter(program: Command, context: CommandContext): void {
  program.command('demo-writer', { hidden: true }).action(() => context.run(demoWriter));
}

async function demoWriter({ stop }: Session): Promise<number> {
  if (process.send === undefined) throw usageError('demo-writer is started by vigil demo');
  // Without the demo nobody wants the writes.
  process.once('disconnect', () => process.exit(exitCode.ok));
  stop.signal.addEventListener('abort', () => process.exit(stop.exitCode()));
  const send = (message: FromWriter): void => void process.send?.(message);
  let writer: Writer | undefined;
  let isStopped = false;
  const finished = new Promise<void>((resolve) => {
    process.on('message', (message: ToWriter) => {
      switch (message.kind) {
        case 'start':
          // Nothing is watched here: lazy starts no thread.
          void Promise.all([import('../index.js'), import('./demo/writer.js')])
            .then(async ([{ connect }, module]) => {
              const etcd = await connect({ ...message.connect, lazy: true });
              writer = new module.Writer(etcd, message, send);
              if (isStopped) writer.stop();
              send({ kind: 'ready' });
              await writer.run();
              await etcd.close();
            })
            .catch((error: unknown) => send({ kind: 'failed', message: String(error) }))
            .finally(resolve);
          break;
        case 'seen':
          writer?.seen(message.count);
          break;
        case 'stop':
          writer?.stop();
          isStopped = true;
          break;
        default:
          message satisfies never;
      }
    });
  });
  await finished;
  process.disconnect();
  return exitCode.ok;
}
