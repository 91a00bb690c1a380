/**
 * The folder behind saved credentials, and the links that lead into it. Main thread; file system only: what the parts are and
 * whether they belong together is {@link file://./pem.ts}'s.
 *
 *   DIR/client.key -> .client.key.generations/current/key     (and cert and ca, wherever they are)
 *   DIR/.client.key.generations/current -> <generation>
 *   DIR/.client.key.generations/<generation>/{key,cert,ca}
 *
 * A generation is complete and on disk before `current` leads to it, and never changes afterwards. The one rename of `current`
 * exchanges all three parts at once. What stops half-way leaves folders that nothing leads to; the next save removes them.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ignoreMissing, makePrivateFolder, syncFolder, writeNewFile, type FileOwner } from './private-file.js';

export const PARTS = ['key', 'cert', 'ca'] as const;
export type Part = (typeof PARTS)[number];

/** Where each part is wanted: absolute paths, all different. */
export type PartPaths = Readonly<Record<Part, string>>;
export type PartTexts = Readonly<Record<Part, string>>;

/** Who owns the files and may read them. */
export interface FileAccess {
  readonly keyMode: number;
  readonly certMode: number;
  readonly owner: FileOwner;
}

const CURRENT = 'current';
const NEW_LINK = '.new-';

export class CredentialStore {
  readonly #paths: PartPaths;
  readonly #folder: string;
  readonly #access: FileAccess;

  constructor(paths: PartPaths, access: FileAccess) {
    this.#paths = paths;
    this.#folder = join(dirname(paths.key), `.${basename(paths.key)}.generations`);
    this.#access = access;
  }

  /** True if the three paths hold exactly these texts now. Their modes and owners are set right. */
  async holds(texts: PartTexts): Promise<boolean> {
    for (const part of PARTS) {
      if (!(await this.#isOurs(part))) return false;
      const kept = await readFile(this.#paths[part], 'utf8').catch(ignoreMissing);
      if (kept !== texts[part]) return false;
    }
    for (const part of PARTS) await this.#setAccess(part);
    return true;
  }

  /** Puts the three texts in place, at once for every reader that resolves the links first. */
  async replace(texts: PartTexts): Promise<void> {
    for (const part of PARTS) await this.#makeFolder(dirname(this.#paths[part]));
    for (const part of PARTS) await refuseFolder(this.#paths[part]);
    await this.#makeFolder(this.#folder);
    const generation = await this.#write(texts);
    try {
      await this.#makeLinks();
      await this.#switchTo(generation);
    } catch (error) {
      await rm(join(this.#folder, generation), { recursive: true, force: true });
      throw error;
    }
  }

  /** Removes what nothing leads to: earlier generations, and what a crash left behind. */
  async sweep(): Promise<void> {
    const current = await readlink(join(this.#folder, CURRENT)).catch(ignoreMissing);
    for (const name of (await readdir(this.#folder).catch(ignoreMissing)) ?? []) {
      // Another process may be writing its generation right now: those of live processes stay.
      if (name === CURRENT || name === current || isBusy(name)) continue;
      await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /** Removes the three files; they vanish together. */
  async remove(): Promise<boolean> {
    const found = await Promise.all(PARTS.map((part) => lstat(this.#paths[part]).catch(ignoreMissing)));
    for (const part of PARTS) await refuseFolder(this.#paths[part]);
    await rm(join(this.#folder, CURRENT), { force: true });
    for (const part of PARTS) await rm(this.#paths[part], { force: true });
    await rm(this.#folder, { recursive: true, force: true });
    return found.some((stats) => stats !== undefined);
  }

  /** True for a plain file, or for our own link; a link to elsewhere is replaced, never followed for writing. */
  async #isOurs(part: Part): Promise<boolean> {
    const stats = await lstat(this.#paths[part]).catch(ignoreMissing);
    if (stats === undefined) return false;
    return stats.isSymbolicLink() ? (await readlink(this.#paths[part])) === this.#linkTo(part) : stats.isFile();
  }

  #linkTo(part: Part): string {
    const from = dirname(this.#paths[part]);
    const to = join(this.#folder, CURRENT, part);
    // Relative beside the store, so that the folder can be mounted elsewhere.
    return from === dirname(this.#folder) ? relative(from, to) : to;
  }

  /** A new folder with the parts in it, all on disk. */
  async #write(texts: Partial<PartTexts>): Promise<string> {
    const generation = `${String(process.pid)}-${randomBytes(8).toString('hex')}`;
    const folder = join(this.#folder, generation);
    await this.#makeFolder(folder);
    try {
      for (const part of PARTS) {
        const text = texts[part];
        if (text === undefined) continue;
        await writeNewFile(join(folder, part), text, this.#modeOf(part), this.#access.owner);
      }
      await syncFolder(folder);
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return generation;
  }

  /**
   * Makes the three paths links through `current`. What other software put there is taken over first, as a generation of its
   * own: a reader sees the old three until the switch, never two old and one new.
   */
  async #makeLinks(): Promise<void> {
    const targets = PARTS.map((part) => this.#linkTo(part));
    const kept = await Promise.all(PARTS.map((part) => readlink(this.#paths[part]).catch(() => undefined)));
    if (kept.every((target, index) => target === targets[index])) return;
    const old: Partial<Record<Part, string>> = {};
    for (const part of PARTS) {
      const text = await readFile(this.#paths[part], 'utf8').catch(ignoreMissing);
      if (text !== undefined) old[part] = text;
    }
    if (Object.keys(old).length > 0) await this.#switchTo(await this.#write(old));
    for (const [index, part] of PARTS.entries()) {
      const target = targets[index];
      if (target !== undefined && kept[index] !== target) await putLink(this.#paths[part], target);
    }
  }

  async #switchTo(generation: string): Promise<void> {
    await putLink(join(this.#folder, CURRENT), generation);
  }

  /** Others may pass through our own folders, never list them, only where they may read a certificate there. */
  async #makeFolder(folder: string): Promise<void> {
    const mode = folder.startsWith(this.#folder) && this.#access.certMode !== 0o600 ? 0o711 : 0o700;
    await makePrivateFolder(folder, mode, this.#access.owner);
  }

  async #setAccess(part: Part): Promise<void> {
    const file = await open(this.#paths[part], constants.O_RDONLY);
    try {
      const stats = await file.stat();
      const { owner } = this.#access;
      if (owner !== undefined && (stats.uid !== owner.uid || stats.gid !== owner.gid)) {
        await file.chown(owner.uid, owner.gid);
      }
      if ((stats.mode & 0o777) !== this.#modeOf(part)) await file.chmod(this.#modeOf(part));
    } finally {
      await file.close();
    }
  }

  #modeOf(part: Part): number {
    return part === 'key' ? this.#access.keyMode : this.#access.certMode;
  }
}

/** Puts a link at `path`, in place of whatever file or link is there, in one step. */
async function putLink(path: string, target: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `${NEW_LINK}${String(process.pid)}-${randomBytes(8).toString('hex')}`);
  await symlink(target, temporary);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function refuseFolder(path: string): Promise<void> {
  const stats = await lstat(path).catch(ignoreMissing);
  if (stats?.isDirectory() !== true) return;
  throw Object.assign(new Error(`'${path}' is a folder`), { code: 'EISDIR' });
}

/** True for what another, living process has made. */
function isBusy(name: string): boolean {
  const pid = Number(/^(?:\.new-)?(\d+)-/u.exec(name)?.[1]);
  if (!Number.isInteger(pid) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
