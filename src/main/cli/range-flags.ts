/** The key or range that a command is about, from its argument and options. Pure. */
import type { Command } from 'commander';
import type { KeyInput, RangeInput } from '../index.js';
import { usageError } from './failure.js';

export interface RangeFlags {
  readonly prefix?: boolean;
  readonly rangeEnd?: string;
  readonly fromKey?: boolean;
  readonly base64?: boolean;
}

export function addRangeFlags(command: Command): Command {
  return command
    .option('--prefix', 'all keys that begin with <key>')
    .option('--range-end <key>', 'all keys from <key> up to, and without, this one')
    .option('--from-key', 'all keys from <key> to the end of the keyspace')
    .option('--base64', 'keys and values on the command line are base64');
}

/** Whether the options ask for more than one key. */
export function isRange(flags: RangeFlags): boolean {
  return flags.prefix === true || flags.rangeEnd !== undefined || flags.fromKey === true;
}

/** @throws EtcdError `invalid-argument` for options that exclude each other, and for text that is not base64. */
export function rangeFrom(key: string, flags: RangeFlags): RangeInput {
  const given = [flags.prefix === true, flags.rangeEnd !== undefined, flags.fromKey === true].filter(Boolean);
  if (given.length > 1) throw usageError('give only one of --prefix, --range-end and --from-key');
  const start = bytesFrom(key, flags, '<key>');
  if (flags.prefix === true) return { prefix: start };
  if (flags.rangeEnd !== undefined) return { from: start, to: bytesFrom(flags.rangeEnd, flags, '--range-end') };
  return flags.fromKey === true ? { from: start } : { key: start };
}

/** An argument as it stands, or decoded where `--base64` says so. */
export function bytesFrom(text: string, flags: { readonly base64?: boolean }, name: string): KeyInput {
  if (flags.base64 !== true) return text;
  // Buffer.from() skips what is not base64 instead of refusing it.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw usageError(`${name} is not base64`);
  return Buffer.from(text, 'base64');
}
