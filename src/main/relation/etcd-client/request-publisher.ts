/**
 * Publishes one request on one relation, as the leader: the application's databag and the secret with the client's
 * certificate. Main thread. A second call with the same request writes nothing.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { EtcdError } from '../../../wire/errors.js';
import { invalidOption } from '../../../wire/arguments.js';
import type { Databag, JujuBackend } from '../backend.js';
import { parseJson } from '../python-json.js';
import { writeChanges, type AppRelation } from './app-relations.js';
import {
  readRequests,
  requestDatabag,
  requestIdOf,
  secretLists,
  type ClientRequest,
  type EtcdClientProtocol,
  type RequestExtras,
} from './client-request.js';
import { fernetDecrypt, fernetEncrypt } from './fernet.js';
import { ensureSecret, readGranted, secretLabel } from './owned-secret.js';

/** What is to be published. */
export interface WantedRequest extends RequestExtras {
  readonly endpoint: string;
  readonly protocol: EtcdClientProtocol;
  readonly prefix: string;
  /** The certificate's chain; without one, what was published before stays. */
  readonly chain: string | undefined;
}

const SALT_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SALT_LENGTH = 16;
const IMMUTABLE = ['extraUserRoles', 'extraGroupRoles', 'entityType', 'entityPermissions'] as const;

/** Every key of a request, so that those of another protocol go away. */
const REQUEST_KEYS = [
  ...['prefix', 'requested-secrets', 'provided-secrets', 'secret-mtls', 'version', 'requests'],
  ...['extra-user-roles', 'extra-group-roles', 'entity-type', 'entity-permissions', 'encryption-secret', 'mtls-cert'],
];

/** @returns whether anything was written. @throws EtcdError `not-leader`, `invalid-argument` for a change of what may not change. */
export async function publishRequest(
  backend: JujuBackend,
  relation: AppRelation,
  wanted: WantedRequest,
): Promise<boolean> {
  const { relationId } = relation;
  const own = await backend.readDatabag(relationId, backend.context.app);
  const before = publishedRequest(own, wanted.prefix);
  for (const name of IMMUTABLE) {
    if (before === undefined || canonical(before[name]) === canonical(wanted[name])) continue;
    throw invalidOption(`EtcdClientRequires: ${name} cannot change once it was sent; relate the applications again`);
  }
  const salt = before?.salt ?? newSalt();
  const isV0 = wanted.protocol === 'v0';
  const requestId = requestIdOf(wanted.prefix, salt);
  const { chain, prefix } = wanted;
  const crossing = wanted.protocol === 'v1' ? undefined : await acrossModels(backend, relation, own, chain);
  const known = before?.secretMtls;
  const label = secretLabel(relationId, wanted.protocol === 'v1' ? requestId : undefined, 'mtls');
  const content = chain === undefined ? undefined : { 'mtls-cert': chain };
  const secretMtls =
    content === undefined || crossing !== undefined
      ? known
      : await ensureSecret(backend, { relationId, label, knownId: known, content });
  const request: ClientRequest = {
    resource: prefix,
    ...(isV0 ? {} : { requestId, salt }),
    secretMtls: crossing === undefined ? secretMtls : undefined,
    ...Object.fromEntries(IMMUTABLE.map((name) => [name, wanted[name]])),
  };
  const bag = { ...requestDatabag(wanted.protocol, request), ...crossing };
  const absent: Record<string, string> = {};
  for (const key of REQUEST_KEYS) if (!(key in bag)) absent[key] = '';
  const changed = await writeChanges(backend, relationId, 'app', own, { ...bag, ...absent });
  if (!isV0) return changed;
  const unitBag = await backend.readDatabag(relationId, backend.context.unit);
  return (await writeChanges(backend, relationId, 'unit', unitBag, secretLists())) || changed;
}

/** The request id that the own databag holds for a prefix. */
export function publishedRequestId(own: Databag | undefined, prefix: string): string | undefined {
  return own === undefined ? undefined : publishedRequest(own, prefix)?.requestId;
}

/** What was asked before, in whatever protocol that was: its salt and its secret go on. */
function publishedRequest(own: Databag, prefix: string): ClientRequest | undefined {
  const { requests } = readRequests(own);
  const same = requests.find(({ resource }) => resource === prefix);
  if (same !== undefined || requests[0] === undefined) return same;
  // Another prefix is another request in v1, but the relation's certificate stays.
  const { secretMtls, ...extras } = requests[0];
  return { ...extras, resource: prefix, secretMtls, requestId: undefined, salt: undefined };
}

/**
 * Where the provider lives in another model and has sent a key: the certificate, encrypted with it, for the databag. A token that
 * holds the same certificate already is kept, since each is different.
 */
async function acrossModels(
  backend: JujuBackend,
  { relationId, remoteApp, remoteBag }: AppRelation,
  own: Databag,
  chain: string | undefined,
): Promise<Record<string, string> | undefined> {
  const id = remoteBag.get('encryption-secret');
  if (id === undefined) return undefined;
  const kept = own.get('mtls-cert');
  const unchanged = { 'encryption-secret': id, ...(kept === undefined ? {} : { 'mtls-cert': kept }) };
  if (chain === undefined) return unchanged;
  const secret = await readGranted(backend, { id, label: secretLabel(relationId, undefined, 'encryption') });
  const key = typeof secret === 'string' ? undefined : secret.get('encryption-key');
  if (key === undefined) throw notReady(`the encryption key of '${remoteApp}' cannot be read yet`);
  if (kept !== undefined && fernetDecrypt(key, kept) === chain) return unchanged;
  const seed = { iv: randomBytes(16), timeSeconds: BigInt(Math.floor(Date.now() / 1_000)) };
  const token = fernetEncrypt(key, chain, seed);
  if (token === undefined) throw notReady(`the encryption key of '${remoteApp}' is none`);
  return { 'encryption-secret': id, 'mtls-cert': token };
}

/** Permissions are JSON, which the two protocols space differently. */
function canonical(text: string | undefined): string | undefined {
  const value = parseJson(text);
  return typeof value === 'object' ? JSON.stringify(value) : text;
}

function newSalt(): string {
  return Array.from({ length: SALT_LENGTH }, () => SALT_CHARACTERS[randomInt(SALT_CHARACTERS.length)]).join('');
}

function notReady(message: string): EtcdError {
  return new EtcdError(`EtcdClientRequires: ${message}`, { code: 'relation-not-ready', outcome: 'not-sent' });
}
