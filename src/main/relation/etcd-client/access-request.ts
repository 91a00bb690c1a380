/**
 * The requests that requirers of etcd_client have published, with the certificates behind them. Main thread; reads only (a
 * secret's newest revision is tracked from then on).
 */
import { EtcdError } from '../../../wire/errors.js';
import type { JujuBackend } from '../backend.js';
import { checkClientChain } from '../pem.js';
import type { AppRelation } from './app-relations.js';
import { readRequests, type AnswerProtocol, type ClientRequest, type RequestExtras } from './client-request.js';
import { fernetDecrypt } from './fernet.js';
import { readGranted, secretLabel } from './owned-secret.js';

/** One request for the keys under a prefix, on one relation. */
export interface AccessRequest extends RequestExtras {
  readonly relationId: string;
  /** The application that asks. */
  readonly remoteApp: string;
  /** The contract that the requirer speaks, and is answered in. */
  readonly protocol: AnswerProtocol;
  /** Tells a relation's requests apart; only in v1, which can have several. */
  readonly requestId: string | undefined;
  /** The client shall be able to read and write the keys that begin with this. */
  readonly prefix: string;
  /** The client's certificate and its chain, as PEM, to be put into the servers' truststore; `undefined` while {@link waiting}. */
  readonly certificate: string | undefined;
  /** The certificate's common name: the etcd user to make. */
  readonly commonName: string | undefined;
  /** Why there is no certificate yet, for a status message; holds no secret. */
  readonly waiting: string | undefined;
}

/** A request as it was read, with what only this package needs. */
export interface RequestReading {
  readonly access: AccessRequest;
  readonly request: ClientRequest;
  /** The certificate before the one that a `secret-changed` hook brought. */
  readonly previousCertificate: string | undefined;
}

/** Reads the requests of one relation. What cannot be understood is waited for, never thrown. */
export async function readAccessRequests(
  backend: JujuBackend,
  relation: AppRelation,
  encryptionKey: string | undefined,
): Promise<RequestReading[]> {
  const { relationId, remoteApp, remoteBag } = relation;
  const { protocol, requests } = readRequests(remoteBag);
  const readings: RequestReading[] = [];
  for (const request of requests) {
    const { resource: prefix, requestId, salt: _, secretMtls: __, encryptedMtls: ___, ...extras } = request;
    const { chain, previous, waiting } = await readChain(backend, relationId, request, encryptionKey);
    const checked = chain === undefined ? { waiting } : check(chain);
    const access: AccessRequest = {
      ...extras,
      ...{ relationId, remoteApp, protocol, requestId, prefix },
      ...{ certificate: undefined, commonName: undefined, waiting: undefined },
      ...checked,
    };
    const isNew = access.certificate !== undefined && previous !== undefined && previous !== chain;
    readings.push({ access, request, previousCertificate: isNew ? previous : undefined });
  }
  return readings;
}

interface ChainReading {
  readonly chain?: string | undefined;
  readonly previous?: string | undefined;
  readonly waiting?: string | undefined;
}

async function readChain(
  backend: JujuBackend,
  relationId: string,
  { requestId, secretMtls, encryptedMtls }: ClientRequest,
  encryptionKey: string | undefined,
): Promise<ChainReading> {
  if (secretMtls === undefined) {
    if (encryptedMtls === undefined) return { waiting: 'the client has published no certificate' };
    if (encryptionKey === undefined)
      return { waiting: "the client's certificate is encrypted; only the leader has the key" };
    const chain = fernetDecrypt(encryptionKey, encryptedMtls);
    return chain === undefined ? { waiting: "the client's certificate cannot be decrypted" } : { chain };
  }
  const previous = await trackedChain(backend, secretMtls);
  const content = await readGranted(backend, { id: secretMtls, label: secretLabel(relationId, requestId, 'mtls') });
  if (typeof content === 'string') return { waiting: `the secret with the client's certificate is ${content}` };
  const chain = content.get('mtls-cert');
  return chain === undefined ? { waiting: "the client's secret holds no certificate" } : { chain, previous };
}

/** What was read before, in the hook that tells of a new revision. */
async function trackedChain(backend: JujuBackend, id: string): Promise<string | undefined> {
  if (backend.context.secret === undefined) return undefined;
  try {
    return (await backend.readSecret({ id }, 'tracked')).get('mtls-cert');
  } catch (error) {
    // Not granted any more, or its old revision is gone: there is nothing to compare with.
    if (error instanceof EtcdError && /^secret-/u.test(error.code)) return undefined;
    throw error;
  }
}

function check(chain: string): Pick<AccessRequest, 'certificate' | 'commonName' | 'waiting'> {
  try {
    const { pem, commonName } = checkClientChain(chain);
    return { certificate: pem, commonName, waiting: undefined };
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return { certificate: undefined, commonName: undefined, waiting: `the client's ${error.message}` };
  }
}
