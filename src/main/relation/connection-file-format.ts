/** What a connection file holds, as text and as data. Main thread; pure. Never puts content of it into a message. */
import { resolve } from 'node:path';
import { parseEndpoints } from '../../wire/endpoint.js';
import { EtcdError } from '../../wire/errors.js';
import type { CredentialPaths } from './credential-paths.js';
import { hideFields } from './hidden-secrets.js';
import type { EtcdConnectionInfo } from './relation-endpoint.js';

const FORMAT = 'etcd-vigil/connection';
const VERSION = 1;

/** Credentials of a connection file, each as PEM text or as a path. */
export interface ConnectionFileTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** What a connection file says. */
export type ConnectionFile =
  | { readonly state: 'unavailable' }
  | {
      readonly state: 'available';
      readonly endpoints: readonly string[];
      readonly etcdVersion: string | undefined;
      readonly username: string | undefined;
      readonly tls: ConnectionFileTls | undefined;
    };

/** The file's text, the same for the same connection. */
export function encodeConnectionFile(
  connection: EtcdConnectionInfo | undefined,
  credentials: CredentialPaths | undefined,
): string {
  const head = { format: FORMAT, version: VERSION };
  const content =
    connection === undefined
      ? { ...head, state: 'unavailable' }
      : {
          ...head,
          state: 'available',
          endpoints: connection.endpoints,
          etcdVersion: connection.version ?? null,
          username: connection.username ?? null,
          tls: tlsOf(connection, credentials),
          source: connection.source,
        };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** @throws EtcdError `invalid-argument` for anything that is not a connection file of this version, complete and usable. */
export function parseConnectionFile(text: string, path: string): ConnectionFile {
  const refuse = (what: string): EtcdError =>
    new EtcdError(`connection file '${path}': ${what}`, { code: 'invalid-argument', outcome: 'not-sent' });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw refuse('not JSON; is it half-written?');
  }
  if (!isObject(content) || content['format'] !== FORMAT) throw refuse(`"format" is not "${FORMAT}"`);
  if (content['version'] !== VERSION)
    throw refuse(`"version" is not ${String(VERSION)}; is the writer newer than this reader?`);
  if (content['state'] === 'unavailable') return { state: 'unavailable' };
  if (content['state'] !== 'available') throw refuse('"state" is neither "available" nor "unavailable"');
  const endpoints: unknown = content['endpoints'];
  if (!Array.isArray(endpoints) || !endpoints.every((one) => typeof one === 'string'))
    throw refuse('"endpoints" is not a list of texts');
  parseEndpoints(endpoints);
  const optional = (from: Record<string, unknown>, name: string): string | undefined => {
    const value = from[name] ?? undefined;
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw refuse(`"${name}" is not a text`);
  };
  const given = content['tls'] ?? undefined;
  if (given !== undefined && !isObject(given)) throw refuse('"tls" is not an object');
  const tls: ConnectionFileTls | undefined = given && {
    ca: optional(given, 'ca'),
    cert: optional(given, 'cert'),
    key: optional(given, 'key'),
    caFile: optional(given, 'caFile'),
    certFile: optional(given, 'certFile'),
    keyFile: optional(given, 'keyFile'),
  };
  const [etcdVersion, username] = [optional(content, 'etcdVersion'), optional(content, 'username')];
  return { state: 'available', endpoints, etcdVersion, username, tls: tls && hideFields(tls, 'key') };
}

function tlsOf({ tls }: EtcdConnectionInfo, paths: CredentialPaths | undefined): Record<string, string> | null {
  if (tls === undefined) return null;
  if (tls.cert === undefined || tls.key === undefined) return { ca: tls.ca };
  if (paths === undefined) return { ca: tls.ca, cert: tls.cert, key: tls.key };
  return { caFile: resolve(paths.caPath), certFile: resolve(paths.certPath), keyFile: resolve(paths.keyPath) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
