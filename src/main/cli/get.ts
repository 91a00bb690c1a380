/** `vigil get`: one key's value, or a range, one key a line. */
import { Option, type Command } from 'commander';
import type { Etcd, KeyValue, RangeInput, RangeOptions, SortBy } from '../index.js';
import { addConnectionFlags, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { keyValueJson } from './json-shape.js';
import { revision, wholeNumber } from './option-values.js';
import { addRangeFlags, isRange, rangeFrom, type RangeFlags } from './range-flags.js';
import type { CommandContext, Session } from './session.js';
import { printable } from './text-shape.js';
import { NO_THREADS, withEtcd } from './with-etcd.js';

interface GetFlags extends ConnectionFlags, RangeFlags {
  readonly limit?: number;
  readonly rev?: bigint;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly sortBy?: SortBy;
  readonly order?: 'ascending' | 'descending';
  readonly serializable?: boolean;
}

const SORT_TARGETS: readonly SortBy[] = ['key', 'version', 'createRevision', 'modRevision', 'value'];

export function addGet(program: Command, context: CommandContext): void {
  const command = program
    .command('get <key>')
    .description('print the value of a key, or the keys and values of a range');
  addRangeFlags(command)
    .option('--limit <n>', 'at most so many keys', wholeNumber(1))
    .option('--rev <revision>', 'as it was at this revision', revision)
    .option('--keys-only', 'without values')
    .option('--count-only', 'only how many keys there are')
    .addOption(new Option('--sort-by <what>', 'sort by').choices(SORT_TARGETS))
    .addOption(new Option('--order <order>', 'of the sort').choices(['ascending', 'descending']))
    .option('--serializable', 'let the member answer from what it has: fast, perhaps stale');
  addConnectionFlags(command).action((key: string, flags: GetFlags) =>
    context.run((session) => get(key, flags, session)),
  );
}

async function get(key: string, flags: GetFlags, session: Session): Promise<number> {
  const range = rangeFrom(key, flags);
  if (flags.order !== undefined && flags.sortBy === undefined) throw usageError('--order needs --sort-by');
  if (flags.countOnly === true && flags.keysOnly === true)
    throw usageError('give only one of --keys-only and --count-only');
  if (flags.countOnly === true && (flags.limit !== undefined || flags.sortBy !== undefined))
    throw usageError(`${flags.limit === undefined ? '--sort-by' : '--limit'} has no meaning with --count-only`);
  return withEtcd(session, flags, NO_THREADS, (etcd) => {
    if (flags.countOnly === true) return printCount(etcd, range, flags, session);
    return isRange(flags) ? printRange(etcd, range, flags, session) : printOne(etcd, range, flags, session);
  });
}

async function printCount(etcd: Etcd, range: RangeInput, flags: GetFlags, session: Session): Promise<number> {
  const { signal } = session.stop;
  const count = await etcd.kv.count(range, { revision: flags.rev, serializable: flags.serializable, signal });
  const text = String(count);
  await session.output.print(flags.json === true ? `${JSON.stringify({ count: text })}\n` : `${text}\n`);
  return exitCode.ok;
}

async function printOne(
  etcd: Etcd,
  range: RangeInput,
  flags: GetFlags,
  { output, stop: { signal } }: Session,
): Promise<number> {
  const [kv] = (await etcd.kv.range(range, { ...filters(flags), signal })).kvs;
  if (kv === undefined) {
    output.note('vigil: no such key');
    return exitCode.failed;
  }
  if (flags.json === true || flags.keysOnly === true) await output.print(line(kv, flags));
  else await output.print(Buffer.concat([kv.value, Buffer.from('\n')]));
  return exitCode.ok;
}

async function printRange(
  etcd: Etcd,
  range: RangeInput,
  flags: GetFlags,
  { output, stop: { signal } }: Session,
): Promise<number> {
  const asked = { ...filters(flags), limit: flags.limit, signal };
  if (flags.sortBy !== undefined) {
    const { kvs } = await etcd.kv.range(range, { ...asked, sort: { by: flags.sortBy, order: flags.order } });
    await output.print(kvs.map((kv) => line(kv, flags)).join(''));
    return exitCode.ok;
  }
  for await (const page of etcd.kv.pages(range, asked)) {
    await output.print(page.kvs.map((kv) => line(kv, flags)).join(''));
  }
  return exitCode.ok;
}

function filters(flags: GetFlags): RangeOptions {
  return { revision: flags.rev, keysOnly: flags.keysOnly, serializable: flags.serializable };
}

function line(kv: KeyValue, flags: GetFlags): string {
  const withValue = flags.keysOnly !== true;
  if (flags.json === true) return `${JSON.stringify(keyValueJson(kv, withValue))}\n`;
  return withValue ? `${printable(kv.key)}\t${printable(kv.value)}\n` : `${printable(kv.key)}\n`;
}
