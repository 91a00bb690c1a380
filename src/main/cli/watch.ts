/** `vigil watch`: one line per event until it is stopped, has shown enough, or cannot go on. */
import { Option, type Command } from 'commander';
import type { Etcd, RangeInput, WatchBatch, WatchOptions } from '../index.js';
import { EtcdError } from '../../wire/errors.js';
import { addConnectionFlags, type ConnectionFlags } from './connection-flags.js';
import { eventJson } from './json-shape.js';
import { revision, shards, wholeNumber } from './option-values.js';
import { addRangeFlags, rangeFrom, type RangeFlags } from './range-flags.js';
import type { CommandContext, Session } from './session.js';
import { eventText } from './text-shape.js';
import { withEtcd } from './with-etcd.js';

interface WatchFlags extends ConnectionFlags, RangeFlags {
  readonly rev?: bigint;
  readonly prevKv?: boolean;
  readonly filter?: 'put' | 'delete';
  readonly progress?: boolean;
  readonly limit?: number;
  readonly shards: number | 'inline';
}

export function addWatch(program: Command, context: CommandContext): void {
  const command = program.command('watch <key>').description('print each change of a key or range, one line an event');
  addRangeFlags(command)
    .option('--rev <revision>', 'from this revision on, inclusive; default: from now on', revision)
    .option('--prev-kv', 'also what the key was before')
    .addOption(new Option('--filter <type>', 'only events of this type').choices(['put', 'delete']))
    .option('--progress', 'also how far the watch has come while nothing changes')
    .option('--limit <n>', 'end after so many events', wholeNumber(1))
    .option('--shards <n>', 'worker threads, or inline', shards, 'inline');
  addConnectionFlags(command).action((key: string, flags: WatchFlags) =>
    context.run((session) => watch(key, flags, session)),
  );
}

async function watch(key: string, flags: WatchFlags, session: Session): Promise<number> {
  const range = rangeFrom(key, flags);
  return withEtcd(session, flags, { shards: flags.shards }, async (etcd) => {
    await printChanges(etcd, range, flags, session);
    return session.stop.exitCode();
  });
}

async function printChanges(etcd: Etcd, range: RangeInput, flags: WatchFlags, session: Session): Promise<void> {
  const { output, stop } = session;
  const watcher = etcd.watch(range, watchOptions(flags, stop.signal));
  // A server takes a watch first and refuses it then: one that it will refuse is not to be announced.
  const isLost = flags.rev === undefined ? false : isCompacted(etcd, range, flags.rev, stop.signal);
  // A failure is told by the loop.
  void Promise.all([watcher.ready, isLost]).then(
    ([{ startRevision }, lost]) => {
      if (!lost) output.note(`vigil: watching from revision ${String(startRevision)}`);
    },
    () => undefined,
  );
  let left = flags.limit ?? Infinity;
  for await (const batch of watcher) {
    await output.print(linesOf(batch, flags, left));
    left -= batch.length;
    if (left <= 0) break;
  }
}

/** Whether the history from this revision on is gone, or nobody asks any more. What else is wrong is for the watch to tell. */
async function isCompacted(etcd: Etcd, range: RangeInput, at: bigint, signal: AbortSignal): Promise<boolean> {
  try {
    await etcd.kv.range(range, { revision: at, limit: 1, keysOnly: true, signal });
    return false;
  } catch (error) {
    return error instanceof EtcdError && ['compacted', 'closed', 'aborted'].includes(error.code);
  }
}

function watchOptions(flags: WatchFlags, signal: AbortSignal): WatchOptions {
  return {
    startRevision: flags.rev,
    prevKv: flags.prevKv,
    events: flags.filter,
    progressNotify: flags.progress,
    signal,
  };
}

function linesOf(batch: WatchBatch, flags: WatchFlags, limit: number): string {
  const at = String(batch.revision);
  if (batch.progress)
    return flags.json === true ? `${JSON.stringify({ type: 'progress', revision: at })}\n` : `${at}\tprogress\n`;
  const lines: string[] = [];
  for (const event of batch) {
    if (lines.length >= limit) break;
    lines.push(flags.json === true ? JSON.stringify(eventJson(event)) : eventText(event));
  }
  return `${lines.join('\n')}\n`;
}
