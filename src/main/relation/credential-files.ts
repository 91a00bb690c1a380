/**
 * Credentials as files: a client's key, its certificate and the servers' authorities, saved together or not at all. Main
 * thread. Checks before it writes, and never puts any of the material into a message.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkFields, checkOptions, invalidOption, objectRule } from '../../wire/arguments.js';
import { EtcdError } from '../../wire/errors.js';
import { CredentialStore, PARTS, type FileAccess, type Part, type PartPaths } from './credential-store.js';
import { checkBundle, type CheckedBundle, type PartialBundle } from './pem.js';
import {
  ACCESS_RULES,
  PATH_RULES,
  PATHS,
  type CredentialFileOptions,
  type CredentialPaths,
} from './credential-paths.js';
import { bundleRule, pemTextRule } from './relation-arguments.js';

/** What {@link saveCredentialFiles} did. */
export interface SavedCredentials {
  /** False: the files held exactly this already, and nothing was written (a mode or owner may have been set right). */
  readonly changed: boolean;
  /** When the saved client certificate ends. */
  readonly expiresAt: Date;
}

/** A part that is missing is for {@link checkBundle} to tell. */
const partsRule = bundleRule((value, name) => {
  if (value !== null) pemTextRule(value, name);
}, []);

const READ_ATTEMPTS = 100;

/** The last save or removal by key path: two of one process never work on one folder at once. */
const turns = new Map<string, Promise<unknown>>();

/**
 * Saves a bundle as three files, all or nothing: readable by the owner only, complete on disk before it can be seen, and
 * exchanged in one step. The paths become links into the folder `.<name of the key>.generations` beside the key; folders that
 * are missing are made with mode 0700. A program that reads the three one after another should resolve the key's link first and
 * read the neighbours of what it leads to, as {@link readCredentialFiles} does; otherwise it may see a switch between two reads.
 *
 * The material is checked before anything is written: PEM (CRLF becomes LF), one readable private key, and that it belongs to
 * the first certificate of `cert`. An expired certificate is saved: see `expiresAt`. Earlier generations are removed, and what a
 * crash left behind.
 *
 * @throws EtcdError `invalid-credentials` for an incomplete or unusable bundle, `invalid-argument` for paths or options that are not
 *   allowed: nothing was written.
 * @throws EtcdError `file-failed` where the file system refuses; the files hold what they held before.
 */
export async function saveCredentialFiles(
  paths: CredentialPaths,
  bundle: PartialBundle,
  options: CredentialFileOptions = {},
): Promise<SavedCredentials> {
  const places = checkPaths(paths, 'saveCredentialFiles');
  checkOptions<CredentialFileOptions>(options, ACCESS_RULES, 'saveCredentialFiles');
  partsRule(bundle, 'saveCredentialFiles: bundle');
  const store = new CredentialStore(places, accessOf(options));
  const { expiresAt, ...texts } = checkBundle(bundle);
  return inTurn(places, 'saved', async () => {
    const changed = !(await store.holds(texts));
    if (changed) await store.replace(texts);
    await store.sweep();
    return { changed, expiresAt };
  });
}

/**
 * Reads a bundle that belongs together, also while another process replaces it.
 *
 * @throws EtcdError `invalid-argument` for paths that are not allowed.
 * @throws EtcdError `file-failed` where a file is missing or cannot be read, `invalid-credentials` where what is there is no bundle.
 */
export async function readCredentialFiles(paths: CredentialPaths): Promise<CheckedBundle> {
  const places = checkPaths(paths, 'readCredentialFiles');
  let missing: unknown;
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
    try {
      const before = await identify(places);
      const texts = {
        key: await readFile(before.key.path, 'utf8'),
        cert: await readFile(before.cert.path, 'utf8'),
        ca: await readFile(before.ca.path, 'utf8'),
      };
      const after = await identify(places);
      // A generation never comes back, so the same three before and after were there together.
      if (PARTS.every((part) => before[part].stamp === after[part].stamp)) return checkBundle(texts);
    } catch (error) {
      // Removed between resolving and reading: by a switch, or there is none.
      if (!isMissing(error)) throw error instanceof EtcdError ? error : fileFailed('read', error);
      missing = error;
      if (!(await isSwitching(places))) break;
    }
  }
  throw fileFailed('read', missing);
}

/**
 * Removes the three files and the folder behind them; for a reader that resolves links first they vanish together.
 *
 * @returns whether there was anything.
 * @throws EtcdError `invalid-argument`, `file-failed`.
 */
export async function removeCredentialFiles(paths: CredentialPaths): Promise<boolean> {
  const places = checkPaths(paths, 'removeCredentialFiles');
  const store = new CredentialStore(places, accessOf({}));
  return inTurn(places, 'removed', () => store.remove());
}

async function inTurn<T>(places: PartPaths, what: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(places.key) ?? Promise.resolve()).then(work);
  const settled = turn.catch(() => undefined);
  turns.set(places.key, settled);
  try {
    return await turn;
  } catch (error) {
    throw fileFailed(what, error);
  } finally {
    if (turns.get(places.key) === settled) turns.delete(places.key);
  }
}

function checkPaths(paths: CredentialPaths, what: string): PartPaths {
  objectRule(paths, `${what}: paths`);
  checkFields<CredentialPaths>(paths, PATH_RULES, `${what}: paths`, PATHS);
  const [key, cert, ca] = [resolve(paths.keyPath), resolve(paths.certPath), resolve(paths.caPath)];
  if (new Set([key, cert, ca]).size < PARTS.length)
    throw invalidOption(`${what}: keyPath, certPath and caPath must be three different files`);
  return { key, cert, ca };
}

function accessOf({ certMode = 0o600, owner }: CredentialFileOptions): FileAccess {
  return { keyMode: 0o600, certMode, owner };
}

interface FileIdentity {
  readonly path: string;
  readonly stamp: string;
}

async function identify(places: PartPaths): Promise<Record<Part, FileIdentity>> {
  const identity = async (part: Part): Promise<FileIdentity> => {
    const path = await realpath(places[part]);
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return { path, stamp: [path, dev, ino, size, mtimeNs].join(' ') };
  };
  return { key: await identity('key'), cert: await identity('cert'), ca: await identity('ca') };
}

/** True if the three are there now, so that reading again can succeed. */
async function isSwitching(places: PartPaths): Promise<boolean> {
  try {
    await identify(places);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileFailed('read', error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function fileFailed(what: string, cause: unknown): EtcdError {
  const why = cause instanceof Error ? cause.message : 'they changed all the time';
  return new EtcdError(`credentials: the files cannot be ${what}: ${why}`, { code: 'file-failed', cause });
}
