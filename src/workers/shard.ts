/**
 * Entry of a shard: the one piscina task of a worker thread, or called on the main thread for `shards: 'inline'`. It ends
 * when the shard was told to stop, or by the error that made it unable to go on.
 */
import type { ShardInit, ShardReport } from '../wire/contract.js';
import type { Port } from '../wire/port.js';
import type { PostedCommand } from '../wire/posted-command.js';
import { CommandLoop } from './command-loop.js';
import { openConnectionFor } from './transport/transport.js';

export interface ShardTask {
  readonly port: Port<PostedCommand, ShardReport>;
  readonly init: ShardInit;
}

export async function runShard({ port, init }: ShardTask): Promise<void> {
  const openConnection = await openConnectionFor(init.settings.transport);
  await new CommandLoop(port, init, openConnection).run();
}
