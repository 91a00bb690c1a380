// The package as npm would publish it, for the checks that must see what a user gets: packs dist/ as it stands.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Packs the package into a new temporary folder, whose removal is the caller's, and extracts it there.
 * @returns {{ folder: string, tarball: string, extracted: string }} `extracted` is the package's root
 */
export function pack() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'etcd-vigil-packed-')));
  // Scripts would build, into the dist/ that other tests are reading.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const output = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  // npm 11 prints a list; later versions print an object by package name.
  const report = /** @type {unknown} */ (JSON.parse(output));
  const first = /** @type {{ filename: string }} */ (Object.values(/** @type {object} */ (report))[0]);
  const tarball = join(folder, first.filename);
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  return { folder, tarball, extracted: join(folder, 'package') };
}

/**
 * A project that has the packed package installed: its dependencies are links to this repository's, so nothing is fetched.
 * @param {string} folder a new folder for the project
 * @param {string} extracted the extracted package
 * @param {string[]} alsoLinked further packages for the project, such as `@types/node`
 */
export function installPacked(folder, extracted, alsoLinked = []) {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  const manifest = /** @type {{ dependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(extracted, 'package.json'), 'utf8'))
  );
  for (const name of [...Object.keys(manifest.dependencies), ...alsoLinked]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(join(root, 'node_modules', name)), join(modules, name), 'dir');
  }
  cpSync(extracted, join(modules, 'etcd-vigil'), { recursive: true });
}

/**
 * Removes what {@link pack} made.
 * @param {string} folder
 */
export function removePacked(folder) {
  rmSync(folder, { recursive: true, force: true });
}
