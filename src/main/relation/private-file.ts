/**
 * Files and folders that only their owner may read, complete on disk before anybody can see them. Main thread; file system only.
 */
import { constants } from 'node:fs';
import { chmod, chown, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** User and group to give a file or folder to; `undefined` leaves it to the process's own. */
export type FileOwner = { readonly uid: number; readonly gid: number } | undefined;

/** Writes a file that does not exist yet, with this mode whatever the umask is, and waits until it is on disk. */
export async function writeNewFile(path: string, text: string, mode: number, owner: FileOwner): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    // Owner before mode: chown clears bits, and the text comes when both are right.
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a folder with this mode and the parents that are missing with 0700, all for the owner. One that is there stays as it is. */
export async function makePrivateFolder(folder: string, mode: number, owner: FileOwner): Promise<void> {
  const stats = await stat(folder).catch(ignoreMissing);
  if (stats !== undefined) return;
  await makePrivateFolder(dirname(folder), 0o700, owner);
  await mkdir(folder, { mode });
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  // The process's umask may have taken bits away.
  await chmod(folder, mode);
}

/** Waits until the names in a folder are on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** For `.catch`: a file that is not there is no failure. */
export function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined;
  throw error;
}
