/**
 * Entries of a shard: the one piscina task of a worker thread, and the call on the application's thread for
 * `shards: 'inline'`. Both end when the shard was told to stop, or by the error that made it unable to go on.
 */
import type { ShardInit, ShardReport } from '../wire/contract.js';
import type { Port } from '../wire/port.js';
import type { PostedCommand } from '../wire/posted-command.js';
import { CommandLoop } from './command-loop.js';
import type { ShardThread } from './command-loop.js';
import { transportFor } from '../grpc/transport.js';

export interface ShardTask {
  readonly port: Port<PostedCommand, ShardReport>;
  readonly init: ShardInit;
}

export function runShard(task: ShardTask): Promise<void> {
  return run(task, 'own');
}

export function runInline(task: ShardTask): Promise<void> {
  return run(task, 'shared');
}

async function run({ port, init }: ShardTask, thread: ShardThread): Promise<void> {
  const transport = await transportFor(init.settings.transport);
  await new CommandLoop(port, init, transport, thread).run();
}
