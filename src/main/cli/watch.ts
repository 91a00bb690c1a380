/** `vigil watch`: one line per event until it is stopped, has shown enough, or cannot go on. */
import { Option, type Command } from 'commander';
import type { Etcd, RangeInput, WatchBatch, WatchOptions } from '../index.js';
import { connect } from './lazy-connect.js';
import type { CommandContext } from './command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { eventJson } from './json-shape.js';
import { revision, shards, wholeNumber } from './option-values.js';
import { note, print } from './output.js';
import { addRangeFlags, rangeFrom, type RangeFlags } from './range-flags.js';
import { stopSignals } from './stop-signals.js';
import { eventText } from './text-shape.js';

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
  addConnectionFlags(command).action((key: string, flags: WatchFlags) => context.run(watch(key, flags)));
}

async function watch(key: string, flags: WatchFlags): Promise<number> {
  const range = rangeFrom(key, flags);
  const stop = stopSignals();
  try {
    const etcd = await connect({ ...connectOptions(flags, process.env), shards: flags.shards, signal: stop.signal });
    try {
      await printChanges(etcd, range, flags, stop.signal);
    } finally {
      await etcd.close();
    }
  } catch (error) {
    // Ended while it was connecting.
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.release();
  }
  return stop.exitCode() ?? exitCode.ok;
}

async function printChanges(etcd: Etcd, range: RangeInput, flags: WatchFlags, signal: AbortSignal): Promise<void> {
  const watcher = etcd.watch(range, watchOptions(flags, signal));
  // A failure is told by the loop.
  void watcher.ready.then(
    ({ startRevision }) => note(`vigil: watching from revision ${String(startRevision)}`),
    () => undefined,
  );
  let left = flags.limit ?? Infinity;
  for await (const batch of watcher) {
    await print(linesOf(batch, flags, left));
    left -= batch.length;
    if (left <= 0) break;
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
