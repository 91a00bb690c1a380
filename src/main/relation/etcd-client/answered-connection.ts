/**
 * Makes a provider's answer on one relation into where etcd is and how to get in, or into the reason why that is not known yet.
 * Main thread; reads only.
 */
import { EtcdError } from '../../../wire/errors.js';
import { parseEndpoints } from '../../../wire/endpoint.js';
import type { JujuBackend, SecretContent } from '../backend.js';
import { hideFields } from '../hidden-secrets.js';
import type { EtcdConnectionInfo, RelationTls } from '../relation-endpoint.js';
import type { AppRelation } from './app-relations.js';
import { readAnswer } from './client-answer.js';
import { chooseEndpoints, type EndpointMemory } from './endpoint-choice.js';
import { readGranted, secretLabel } from './owned-secret.js';
import type { ClientCertificate } from './requirer-options.js';

/** What is asked on a relation. */
export interface AskedAccess {
  readonly prefix: string;
  /** Only the leader knows it; others find their answer by the prefix. */
  readonly requestId: string | undefined;
  readonly certificate: ClientCertificate | undefined;
  /** What the last successful hook remembered of the provider's two lists. */
  readonly former: EndpointMemory;
}

/** A connection, or what is missing, without any value. */
export type ConnectionReading =
  { readonly connection: EtcdConnectionInfo; readonly memory: EndpointMemory } | { readonly waiting: string };

/** Reads the answer to one request. Nothing is taken from half an answer. */
export async function readConnection(
  backend: JujuBackend,
  relation: AppRelation,
  asked: AskedAccess,
): Promise<ConnectionReading> {
  const { relationId, remoteApp, remoteBag } = relation;
  const read = readAnswer(remoteBag, asked.prefix, asked.requestId);
  if (read === undefined) return { waiting: `'${remoteApp}' has not answered` };
  const { protocol, requestId, answer } = read;
  const secret = async (id: string | undefined, group: 'user' | 'tls'): Promise<SecretContent | string> => {
    if (id === undefined) return new Map();
    const content = await readGranted(backend, { id, label: secretLabel(relationId, requestId, group) });
    return typeof content === 'string' ? `the secret '${group}' of '${remoteApp}' is ${content}` : content;
  };
  const user = await secret(answer.secretUser, 'user');
  if (typeof user === 'string') return { waiting: user };
  const tls = await secret(answer.secretTls, 'tls');
  if (typeof tls === 'string') return { waiting: tls };
  // 'True' and 'true' are both written, and it may be missing: then there is TLS.
  const isPlain = tls.get('tls')?.toLowerCase() === 'false';
  const scheme = isPlain ? 'http' : 'https';
  const [uris, addresses] = [endpointList(user.get('uris'), scheme), endpointList(answer.endpoints, scheme)];
  const { endpoints, memory } = chooseEndpoints({ uris, addresses }, asked.former);
  if (endpoints.length === 0) return { waiting: `'${remoteApp}' has published no endpoint that can be read` };
  const material = isPlain ? undefined : tlsOf(tls.get('tls-ca'), asked.certificate);
  const connection = {
    endpoints,
    version: answer.version,
    tls: material,
    // The certificate is all that the servers know a client by.
    isComplete: isPlain || material?.cert !== undefined,
    username: user.get('username'),
    source: { protocol: `etcd_client/${protocol}`, relationId, member: remoteApp },
  } satisfies EtcdConnectionInfo;
  return { connection, memory };
}

/** Each once and sorted: providers write them in no stable order. What cannot be read as an endpoint is left out. */
function endpointList(text: string | undefined, scheme: 'http' | 'https'): string[] {
  const found = new Set<string>();
  for (const item of (text ?? '').split(',')) {
    const endpoint = item.trim();
    if (endpoint === '') continue;
    const uri = endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`;
    if (isEndpoint(uri)) found.add(uri);
  }
  return [...found].sort();
}

function isEndpoint(uri: string): boolean {
  try {
    return parseEndpoints([uri])[0]?.kind === 'tcp';
  } catch (error) {
    if (error instanceof EtcdError) return false;
    throw error;
  }
}

/** Shown without its key. */
export function relationTls(ca: string, certificate: ClientCertificate | undefined): RelationTls {
  return hideFields<RelationTls>({ ca, cert: certificate?.cert, key: certificate?.key }, 'key');
}

function tlsOf(ca: string | undefined, certificate: ClientCertificate | undefined): RelationTls | undefined {
  return ca === undefined ? undefined : relationTls(ca, certificate);
}
