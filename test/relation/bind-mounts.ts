/**
 * The bind mounts of a compose file as a container sees them, without docker: each source is resolved once, when the container is made, and
 * stays that file or folder whatever is put in its place later.
 */
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, sep } from 'node:path';

interface Mount {
  readonly target: string;
  readonly folder: string;
  /** Open for as long as the container lives, where a file is mounted: what keeps the old content there. */
  readonly fd: number | undefined;
}

export interface Container {
  /** What a program in the container reads at a path. @throws Error for a path that leads out of its mount. */
  read(path: string): string;
  close(): void;
}

/** Starts a container with the volumes of the first service, as far as their sources are there. */
export function bindMounts(compose: string): Container {
  const mounts = [...compose.matchAll(/^ +- (\/[^:\n]+):(\/[^:\n]+)(?::ro)?$/gmu)].flatMap(
    ([, source = '', target = '']) => {
      const stats = statSync(source, { throwIfNoEntry: false });
      if (stats === undefined || stats.isSocket()) return [];
      const folder = realpathSync(source);
      return [{ target, folder, fd: stats.isDirectory() ? undefined : openSync(folder, 'r') } satisfies Mount];
    },
  );
  return {
    read: (path) => {
      const mount = mounts.find(({ target, fd }) =>
        fd === undefined ? path.startsWith(`${target}/`) : path === target,
      );
      if (mount === undefined) throw new Error(`nothing is mounted at ${path}`);
      return mount.fd === undefined
        ? readInside(mount, path.slice(mount.target.length))
        : readFileSync(`/proc/self/fd/${String(mount.fd)}`, 'utf8');
    },
    close: () => {
      for (const { fd } of mounts) if (fd !== undefined) closeSync(fd);
    },
  };
}

/** A link that is absolute leads to the container's own file system, one that leaves the folder to another mount. */
function readInside({ folder }: Mount, rest: string): string {
  const path = join(folder, rest);
  if (lstatSync(path).isSymbolicLink() && isAbsolute(readlinkSync(path)))
    throw new Error(`${rest} leads out of its mount`);
  const resolved = realpathSync(path);
  if (!resolved.startsWith(folder + sep)) throw new Error(`${rest} leads out of its mount`);
  return readFileSync(resolved, 'utf8');
}
