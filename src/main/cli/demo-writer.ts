/** `vigil demo-writer` (hidden): the demo's writer as a process of its own, told what to do over its IPC channel. */
import type { Command } from 'commander';
import { connect } from './lazy-connect.js';
import type { CommandContext } from './command-context.js';
import type { FromWriter, ToWriter } from './demo/messages.js';
import type { Writer } from './demo/writer.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';

export function addDemoWriter(program: Command, context: CommandContext): void {
  program.command('demo-writer', { hidden: true }).action(() => context.run(demoWriter()));
}

async function demoWriter(): Promise<number> {
  if (process.send === undefined) throw usageError('demo-writer is started by vigil demo');
  // Without the demo nobody wants the writes.
  process.once('disconnect', () => process.exit(exitCode.ok));
  const send = (message: FromWriter): void => void process.send?.(message);
  let writer: Writer | undefined;
  const finished = new Promise<void>((resolve) => {
    process.on('message', (message: ToWriter) => {
      switch (message.kind) {
        case 'start':
          // Nothing is watched here: lazy starts no thread.
          void Promise.all([connect({ ...message.connect, lazy: true }), import('./demo/writer.js')])
            .then(async ([etcd, module]) => {
              writer = new module.Writer(etcd, message, send);
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
