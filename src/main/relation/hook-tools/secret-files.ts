/**
 * A secret's content as files for the time of one call: the tools take content from argv, which everybody on the machine can read, or
 * from files that the unit's agent opens. Main thread.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdError } from '../../../wire/errors.js';
import type { NewSecretContent } from '../backend.js';

/**
 * Writes each value into a file of its own (0600, in a folder 0700), and removes all when `use` has ended, however it ends.
 *
 * @param use is given the arguments `key#file=/path`.
 * @throws EtcdError `file-failed` when they cannot be written.
 */
export async function withSecretFiles<T>(
  content: NewSecretContent,
  use: (args: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'etcd-vigil-secret-')).catch(failed);
  try {
    const args: string[] = [];
    for (const [key, value] of Object.entries(content)) {
      const path = join(folder, key);
      await writeFile(path, value, { mode: 0o600, flag: 'wx' }).catch(failed);
      args.push(`${key}#file=${path}`);
    }
    return await use(args);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(failed);
  }
}

function failed(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  throw new EtcdError(`a secret's content cannot be handed to Juju by a file in '${tmpdir()}': ${code}`, {
    ...{ code: 'file-failed', cause: error },
  });
}
