/**
 * The connection file: how a hook, which lives for a second, tells a running service where etcd is and how to get in. Main
 * thread. The hook writes it with {@link writeConnectionFile}; the service follows it with `connectFromFile` of etcd-vigil.
 *
 * It is JSON of this form; a reader refuses other versions:
 *
 *   { "format": "etcd-vigil/connection", "version": 1, "state": "available",
 *     "endpoints": ["https://10.0.0.1:2379"], "etcdVersion": "3.5.18", "username": null,
 *     "tls": { "ca": PEM, "cert": PEM, "key": PEM }            or { "caFile": path, "certFile": path, "keyFile": path }, or null,
 *     "source": { "protocol": "etcd", "relationId": "etcd:3", "member": "etcd/0" } }
 *
 *   { "format": "etcd-vigil/connection", "version": 1, "state": "unavailable" }
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { checkOptions, fieldsRule, optional } from '../../wire/arguments.js';
import { EtcdError } from '../../wire/errors.js';
import { encodeConnectionFile, parseConnectionFile, type ConnectionFile } from './connection-file-format.js';
import { saveCredentialFiles } from './credential-files.js';
import {
  ACCESS_RULES,
  PATH_RULES,
  pathRule,
  PATHS,
  type CredentialFileOptions,
  type CredentialPaths,
} from './credential-paths.js';
import { checkBundle } from './pem.js';
import { makePrivateFolder, syncFolder, writeNewFile } from './private-file.js';
import { connectionRule } from './relation-arguments.js';
import type { EtcdConnectionInfo } from './relation-endpoint.js';

/** How {@link writeConnectionFile} writes. */
export interface ConnectionFileOptions extends CredentialFileOptions {
  /** Save key, certificate and authorities in files of their own, and name those in the connection file. Default: their text. */
  readonly credentials?: CredentialPaths | undefined;
}

/**
 * Writes the connection file: mode 0600, complete on disk before it can be seen, exchanged in one step by renaming, folders that
 * are missing made with 0700. Nothing is written where it holds the same already. Credentials are checked before anything is
 * written.
 *
 * @param connection what the relation offers (`requires.connection()`). `undefined`, or one that is not complete yet, tells the
 *   service that nothing can be used now.
 * @returns whether the file, or a credential file, is another one than before.
 * @throws EtcdError `file-failed` where the file system refuses, `invalid-credentials` for credentials that cannot be used,
 *   `invalid-argument` for paths that are not allowed; the files hold what they held before.
 */
export async function writeConnectionFile(
  path: string,
  connection: EtcdConnectionInfo | undefined,
  options: ConnectionFileOptions = {},
): Promise<{ readonly changed: boolean }> {
  pathRule(path, 'writeConnectionFile: path');
  optional(connectionRule)(connection, 'writeConnectionFile: connection');
  const credentialsRule = fieldsRule<CredentialPaths>(PATH_RULES, PATHS);
  checkOptions<ConnectionFileOptions>(
    options,
    { ...ACCESS_RULES, credentials: credentialsRule },
    'writeConnectionFile',
  );
  const { credentials, ...access } = options;
  let hasNewCredentials = false;
  let offered = connection?.isComplete === true ? connection : undefined;
  if (offered?.tls?.cert !== undefined && offered.tls.key !== undefined) {
    const { ca, cert, key } = offered.tls;
    if (credentials === undefined) {
      const checked = checkBundle({ ca, cert, key });
      offered = { ...offered, tls: { ca: checked.ca, cert: checked.cert, key: checked.key } };
    } else {
      // First: the connection file must never name files that do not hold what it means.
      hasNewCredentials = (await saveCredentialFiles(credentials, { ca, cert, key }, access)).changed;
    }
  }
  const text = encodeConnectionFile(offered, credentials);
  try {
    const isNew = await exchange(resolve(path), text, options.owner);
    return { changed: isNew || hasNewCredentials };
  } catch (error) {
    throw failed(path, 'written', error);
  }
}

/**
 * Reads a connection file.
 *
 * @throws EtcdError `file-failed` where it cannot be read (or is not there), `invalid-argument` where it holds something else, or `path` cannot
 *   be one.
 */
export async function readConnectionFile(path: string): Promise<ConnectionFile> {
  pathRule(path, 'readConnectionFile: path');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw failed(path, 'read', error);
  }
  return parseConnectionFile(text, path);
}

async function exchange(path: string, text: string, owner: CredentialFileOptions['owner']): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) {
    const stats = await stat(path);
    if ((stats.mode & 0o777) !== 0o600) await chmod(path, 0o600);
    if (owner !== undefined && (stats.uid !== owner.uid || stats.gid !== owner.gid))
      await chown(path, owner.uid, owner.gid);
    return false;
  }
  await makePrivateFolder(dirname(path), 0o700, owner);
  const temporary = `${path}.new-${String(process.pid)}-${randomBytes(8).toString('hex')}`;
  try {
    await writeNewFile(temporary, text, 0o600, owner);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

function failed(path: string, what: string, cause: unknown): EtcdError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  return new EtcdError(`connection file '${path}' cannot be ${what}: ${code}`, { code: 'file-failed', cause });
}
