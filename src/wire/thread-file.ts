/**
 * Where the files are that threads load. Pure. The only file that asks for its own place: in a bundle that place says nothing,
 * and threads are started from their source instead (scripts/thread-sources.js).
 */

declare const __webpack_require__: unknown;

/** Beside this file, in `dist/`. */
const OWN_NAME = '/wire/thread-file.js';

/**
 * The file's URL, or undefined in a bundle. A bundler may keep this file's name and leave out the others: only beside the
 * package's `package.json`, two folders up, is it an installed package.
 */
export function threadFile(path: 'workers/shard.js' | 'embedded/server-thread.js'): URL | undefined {
  // webpack writes the place that the file had when it built, where another version may be by now.
  if (typeof __webpack_require__ !== 'undefined') return undefined;
  return besideThis(import.meta.url, path);
}

/** `ownUrl` is undefined where a bundler made CommonJS. */
export function besideThis(ownUrl: string | undefined, path: string): URL | undefined {
  return ownUrl?.startsWith('file:') && ownUrl.endsWith(OWN_NAME) ? new URL(`../${path}`, ownUrl) : undefined;
}
