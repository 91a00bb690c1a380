/**
 * Publishes a provider's answers on one relation, as the leader, in the contract that the requirer speaks: the application's databag
 * and the secrets it names. Main thread. A second call with the same answers writes nothing.
 */
import { randomBytes } from 'node:crypto';
import { parseEndpoints } from '../../../wire/endpoint.js';
import type { Endpoint } from '../../../wire/connection-settings.js';
import { arrayRule, fieldsRule, invalidOption, textRule } from '../../../wire/arguments.js';
import type { Databag, JujuBackend } from '../backend.js';
import { readCertificates } from '../pem.js';
import type { RequestReading } from './access-request.js';
import { writeChanges, type AppRelation } from './app-relations.js';
import {
  ANSWER_KEYS,
  readAnswers,
  v0AnswerDatabag,
  v1AnswerDatabag,
  type AnsweredRequest,
  type ClientAnswer,
} from './client-answer.js';
import { fernetKey } from './fernet.js';
import { ensureSecret, removeSecrets, secretLabel, type SecretGroup } from './owned-secret.js';

/** What a provider grants: where etcd is, and how its servers are told to be the right ones. */
export interface ProvidedAccess {
  /** One or more, `host:port` or `https://host:port`; an IPv6 address in brackets. */
  readonly endpoints: readonly string[];
  /** The servers' version, such as `3.6.4`. */
  readonly version: string;
  /** The authorities of the servers' certificates, as PEM. */
  readonly ca: string;
  /** The client's etcd user. Default: the common name of its certificate. */
  readonly username?: string | undefined;
}

/** {@link ProvidedAccess}, checked, in the two forms that are published. */
export interface CheckedAccess {
  readonly addresses: string;
  readonly uris: string;
  readonly version: string;
  readonly ca: string;
  readonly username: string | undefined;
}

const accessRule = fieldsRule<ProvidedAccess>(
  { endpoints: arrayRule('endpoints', textRule), version: textRule, ca: textRule, username: textRule },
  ['endpoints', 'version', 'ca'],
);

/** @throws EtcdError `invalid-argument`, `invalid-credentials`. */
export function checkAccess(given: ProvidedAccess): CheckedAccess {
  accessRule(given, 'answer: access');
  const { endpoints, version, ca, username } = given;
  const addresses = parseEndpoints(endpoints).map((endpoint) => addressOf(endpoint));
  readCertificates(ca, 'ca');
  const uris = addresses.map((address) => `https://${address}`).join(',');
  return { addresses: addresses.join(','), uris, version, ca, username };
}

/** @returns whether anything was written. */
export async function publishAnswers(
  backend: JujuBackend,
  relation: AppRelation,
  /** Every request of the relation. */
  readings: readonly RequestReading[],
  access: CheckedAccess,
  isAnswered: (reading: RequestReading) => boolean,
): Promise<boolean> {
  const { relationId, remoteBag } = relation;
  const own = await backend.readDatabag(relationId, backend.context.app);
  const former = formerAnswers(own);
  const answered: AnsweredRequest[] = [];
  for (const reading of readings) {
    const { request } = reading;
    const answer = former.get(request.requestId ?? '');
    if (isAnswered(reading)) answered.push({ request, answer: await answerTo(backend, reading, answer, access) });
    else if (answer !== undefined) answered.push({ request, answer });
  }
  const [first] = answered;
  // Nothing is asked any more, or not in the contract of the former answer: a v1 requirer would fail at a v0 answer.
  if (first === undefined) return former.size > 0 && withdrawAnswers(backend, relationId);
  const isV0 = first.request.requestId === undefined;
  const wanted = isV0 ? v0AnswerDatabag(remoteBag, first.answer) : v1AnswerDatabag(answered, remoteBag);
  const changed = await writeChanges(backend, relationId, 'app', own, wanted);
  // Of requests that are no more, and of the other contract when the requirer went over to this one.
  const used = new Set(answered.flatMap(({ answer }) => secretsOf(answer)));
  await removeSecrets(
    backend,
    [...former.values()].flatMap(secretsOf).filter((id) => !used.has(id)),
  );
  return changed;
}

/** Takes back every answer on a relation. @returns whether there was any. */
export async function withdrawAnswers(backend: JujuBackend, relationId: string): Promise<boolean> {
  const own = await backend.readDatabag(relationId, backend.context.app);
  const nothing = Object.fromEntries(ANSWER_KEYS.map((key) => [key, '']));
  const changed = await writeChanges(backend, relationId, 'app', own, nothing);
  await removeSecrets(backend, [...formerAnswers(own).values()].flatMap(secretsOf));
  return changed;
}

/**
 * Offers a key to a requirer in another model, whose secrets this side could not read: it sends its certificate encrypted with it.
 *
 * @returns whether anything was written.
 */
export async function offerEncryption(backend: JujuBackend, relation: AppRelation): Promise<boolean> {
  const { relationId, remoteBag } = relation;
  const { modelUuid, app } = backend.context;
  if (remoteBag.get('prefix') === undefined || remoteBag.get('version') === 'v1') return false;
  const own = await backend.readDatabag(relationId, app);
  if (own.get('encryption-secret') !== undefined) return false;
  const remoteModel = await backend.relationModel(relationId);
  if (modelUuid === undefined || remoteModel === undefined || remoteModel === modelUuid) return false;
  const label = secretLabel(relationId, undefined, 'encryption');
  const content = { 'encryption-key': fernetKey(randomBytes(32)) };
  const id = await ensureSecret(backend, { relationId, label, knownId: undefined, content });
  return writeChanges(backend, relationId, 'app', own, { 'encryption-secret': id });
}

/** The key that {@link offerEncryption} has made; only the leader has it. */
export async function offeredKey(backend: JujuBackend, own: Databag | undefined): Promise<string | undefined> {
  const id = own?.get('encryption-secret');
  return id === undefined ? undefined : (await backend.readSecret({ id })).get('encryption-key');
}

async function answerTo(
  backend: JujuBackend,
  { access: { relationId, commonName }, request: { requestId } }: RequestReading,
  former: ClientAnswer | undefined,
  access: CheckedAccess,
): Promise<ClientAnswer> {
  const secret = (group: SecretGroup, knownId: string | undefined, content: Record<string, string>): Promise<string> =>
    ensureSecret(backend, { relationId, label: secretLabel(relationId, requestId, group), knownId, content });
  const username = access.username ?? commonName ?? '';
  const tls = requestId === undefined ? 'True' : 'true';
  return {
    endpoints: access.addresses,
    version: access.version,
    secretUser: await secret('user', former?.secretUser, { username, uris: access.uris }),
    secretTls: await secret('tls', former?.secretTls, { 'tls-ca': access.ca, tls }),
  };
}

/** What was answered before, by request id; a v0 answer under the empty one. */
function formerAnswers(own: Databag): Map<string, ClientAnswer> {
  const answers = readAnswers(own);
  const [secretUser, secretTls] = [own.get('secret-user'), own.get('secret-tls')];
  if (own.get('version') !== 'v1' && (secretUser ?? secretTls) !== undefined) {
    answers.set('', { endpoints: own.get('endpoints'), version: own.get('version'), secretUser, secretTls });
  }
  return answers;
}

function secretsOf({ secretUser, secretTls }: ClientAnswer): string[] {
  return [secretUser, secretTls].filter((id) => id !== undefined);
}

function addressOf(endpoint: Endpoint): string {
  if (endpoint.kind !== 'tcp') throw invalidOption('answer: endpoints must be host:port, not a socket');
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${String(endpoint.port)}`;
}
