/** `vigil put`: writes one key; the value from the command line or from stdin. */
import { fstatSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { KeyInput } from '../index.js';
import { addConnectionFlags, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { keyValueJson } from './json-shape.js';
import { leaseId } from './option-values.js';
import { bytesFrom, keyFrom } from './range-flags.js';
import type { CommandContext, Session } from './session.js';
import { isAbort } from './stop.js';
import { printable } from './text-shape.js';
import { NO_THREADS, withEtcd } from './with-etcd.js';

interface PutFlags extends ConnectionFlags {
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
  readonly base64?: boolean;
}

const STDIN = 0;

export function addPut(program: Command, context: CommandContext): void {
  const command = program
    .command('put <key> [value]')
    .description('write a key; the value "-" is read from stdin, bytes as they are')
    .option('--lease <id>', 'hang the key on this lease (decimal, or hexadecimal with 0x)', leaseId)
    .option('--prev-kv', 'print what the key was before')
    .option('--ignore-value', 'keep the value that the key has')
    .option('--ignore-lease', 'keep the lease that the key has')
    .option('--base64', 'key and value on the command line are base64');
  addConnectionFlags(command).action((key: string, value: string | undefined, flags: PutFlags) =>
    context.run((session) => put(key, value, flags, session)),
  );
}

async function put(key: string, text: string | undefined, flags: PutFlags, session: Session): Promise<number> {
  const name = keyFrom(key, flags);
  if (flags.ignoreValue === true && text !== undefined) throw usageError('--ignore-value takes no [value]');
  if (flags.ignoreValue !== true && text === undefined)
    throw usageError('[value] is missing; give it, or - to read it from stdin');
  if (flags.ignoreLease === true && flags.lease !== undefined)
    throw usageError('give only one of --lease and --ignore-lease');
  const { output, stop } = session;
  const value = text === undefined ? undefined : await valueFrom(text, flags, stop.signal);
  session.isWriting = true;
  return withEtcd(session, flags, NO_THREADS, async (etcd) => {
    const { header, prevKv } = await etcd.kv.put(name, value, {
      ...(flags.lease === undefined ? {} : { lease: flags.lease }),
      prevKv: flags.prevKv,
      ignoreValue: flags.ignoreValue,
      ignoreLease: flags.ignoreLease,
      signal: stop.signal,
    });
    session.done = `the key was written in revision ${String(header.revision)}`;
    if (flags.json === true) {
      const prev = prevKv === undefined ? {} : { prevKv: keyValueJson(prevKv) };
      await output.print(`${JSON.stringify({ revision: String(header.revision), ...prev })}\n`);
      return exitCode.ok;
    }
    const was = prevKv === undefined ? '' : `was ${printable(prevKv.value)}\n`;
    await output.print(`revision ${String(header.revision)}\n${was}`);
    return exitCode.ok;
  });
}

function isDirectory(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isDirectory();
  } catch {
    // One that is closed: reading says so.
    return false;
  }
}

async function valueFrom(text: string, flags: PutFlags, signal: AbortSignal): Promise<KeyInput> {
  if (text !== '-') return bytesFrom(text, flags, '[value]');
  // Reading one gives nothing instead of a failure, and the value would be emptied.
  if (isDirectory(STDIN)) throw usageError('the value cannot be read from stdin: it is a directory');
  try {
    return await buffer(addAbortSignal(signal, process.stdin));
  } catch (error) {
    if (isAbort(error)) throw error;
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw usageError(`the value cannot be read from stdin (${why})`);
  }
}
