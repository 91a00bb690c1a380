/** A client alone in a process of its own: takes one task, measures itself, reports, leaves when told. */
import type { ClientTask, FromClient, ToClient } from './messages.js';
import { runLeaseTask } from './lease-task.js';
import { runWatchTask } from './watch-task.js';

const queue: ToClient[] = [];
let wake: (() => void) | undefined;

async function next<Kind extends ToClient['kind']>(kind: Kind): Promise<Extract<ToClient, { readonly kind: Kind }>> {
  while (queue.length === 0) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  const message = queue.shift();
  if (message?.kind !== kind) throw new Error(`'${String(message?.kind)}' instead of '${kind}'`);
  return message as Extract<ToClient, { readonly kind: Kind }>; // its kind was just compared
}

/** The other end of the process's channel, as the tasks use it. */
export interface Parent {
  readonly next: typeof next;
  send(message: FromClient): void;
}

const parent: Parent = {
  next,
  send: (message) => {
    process.send?.(message);
  },
};

async function run(task: ClientTask): Promise<void> {
  if (task.kind === 'watch') await runWatchTask(task, parent);
  else await runLeaseTask(task, parent);
  if (process.connected) process.disconnect();
}

// The parent is child.ts, whose messages are typed.
process.on('message', (message) => {
  queue.push(message as ToClient);
  wake?.();
});
// A parent that went away wants no figures; a client that is left does not end a bench by its timers either.
process.on('disconnect', () => setTimeout(() => process.exit(), 2_000).unref());

next('task')
  .then(({ task }) => run(task))
  .catch((error: unknown) => {
    parent.send({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
