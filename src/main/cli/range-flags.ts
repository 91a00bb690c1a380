/** The key or range that a command is about, from its argument and options. */
import type { Command } from 'commander';
import type { KeyInput, RangeInput } from '../index.js';
import { usageError } from './failure.js';
import { someText } from './option-values.js';
import { wholeText } from './whole-text.js';

export interface RangeFlags {
  readonly prefix?: boolean;
  readonly rangeEnd?: string;
  readonly fromKey?: boolean;
  readonly base64?: boolean;
}

export function addRangeFlags(command: Command): Command {
  return command
    .option('--prefix', 'all keys that begin with <key>; an empty one begins every key')
    .option('--range-end <key>', 'all keys from <key> up to, and without, this one', someText)
    .option('--from-key', 'all keys from <key> to the end of the keyspace')
    .option('--base64', 'keys and values on the command line are base64');
}

/** Whether the options ask for more than one key. */
export function isRange(flags: RangeFlags): boolean {
  return flags.prefix === true || flags.rangeEnd !== undefined || flags.fromKey === true;
}

/** @throws EtcdError `invalid-argument` for options that exclude each other, for no range, and for text that is not base64 or lost bytes. */
export function rangeFrom(key: string, flags: RangeFlags): RangeInput {
  const given = [flags.prefix === true, flags.rangeEnd !== undefined, flags.fromKey === true].filter(Boolean);
  if (given.length > 1) throw usageError('give only one of --prefix, --range-end and --from-key');
  const start = bytesFrom(key, flags, '<key>');
  // An empty prefix is every key.
  if (flags.prefix === true) return { prefix: start };
  if (start.length === 0)
    throw usageError(
      `<key> must not be empty; for all keys give an empty <key> with --prefix${flags.fromKey === true ? ' instead of --from-key' : ''}`,
    );
  if (flags.rangeEnd === undefined) return flags.fromKey === true ? { from: start } : { key: start };
  const end = bytesFrom(flags.rangeEnd, flags, '--range-end');
  if (Buffer.compare(Buffer.from(start), Buffer.from(end)) >= 0)
    throw usageError('<key> must be below --range-end; for everything from <key> on give --from-key');
  return { from: start, to: end };
}

/** The key of a command that is about one key. */
export function keyFrom(text: string, flags: { readonly base64?: boolean }): KeyInput {
  const key = bytesFrom(text, flags, '<key>');
  if (key.length === 0) throw usageError('<key> must not be empty');
  return key;
}

/**
 * An argument as it stands, or decoded where `--base64` says so.
 *
 * @throws EtcdError `invalid-argument` for text that is not base64, and for text that was not UTF-8.
 */
export function bytesFrom(text: string, flags: { readonly base64?: boolean }, name: string): KeyInput {
  if (flags.base64 !== true) return wholeText(text, name);
  // Buffer.from() skips what is not base64 instead of refusing it.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw usageError(`${name} is not base64`);
  return Buffer.from(text, 'base64');
}
