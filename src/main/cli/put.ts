/** `vigil put`: writes one key; the value from the command line or from stdin. */
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { KeyInput } from '../index.js';
import { connect } from './lazy-connect.js';
import type { CommandContext } from './command-context.js';
import { addConnectionFlags, connectOptions, type ConnectionFlags } from './connection-flags.js';
import { exitCode } from './exit-code.js';
import { usageError } from './failure.js';
import { keyValueJson } from './json-shape.js';
import { leaseId } from './option-values.js';
import { print } from './output.js';
import { bytesFrom } from './range-flags.js';
import { printable } from './text-shape.js';

interface PutFlags extends ConnectionFlags {
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
  readonly base64?: boolean;
}

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
    context.run(put(key, value, flags)),
  );
}

async function put(key: string, text: string | undefined, flags: PutFlags): Promise<number> {
  const name = bytesFrom(key, flags, '<key>');
  if (flags.ignoreValue === true && text !== undefined) throw usageError('--ignore-value takes no [value]');
  if (flags.ignoreValue !== true && text === undefined)
    throw usageError('[value] is missing; give it, or - to read it from stdin');
  const value = text === undefined ? undefined : await valueFrom(text, flags);
  const etcd = await connect({ ...connectOptions(flags, process.env), shards: 'inline' });
  try {
    const { header, prevKv } = await etcd.kv.put(name, value, {
      ...(flags.lease === undefined ? {} : { lease: flags.lease }),
      prevKv: flags.prevKv,
      ignoreValue: flags.ignoreValue,
      ignoreLease: flags.ignoreLease,
    });
    if (flags.json === true) {
      const prev = prevKv === undefined ? {} : { prevKv: keyValueJson(prevKv) };
      await print(`${JSON.stringify({ revision: String(header.revision), ...prev })}\n`);
      return exitCode.ok;
    }
    await print(`revision ${String(header.revision)}\n`);
    if (prevKv !== undefined) await print(`was ${printable(prevKv.value)}\n`);
    return exitCode.ok;
  } finally {
    await etcd.close();
  }
}

async function valueFrom(text: string, flags: PutFlags): Promise<KeyInput> {
  return text === '-' ? buffer(process.stdin) : bytesFrom(text, flags, '[value]');
}
