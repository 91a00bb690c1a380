/**
 * What a provider of the interface etcd_client writes into its application's databag, in both shapes of it, and how a
 * requirer reads them. Main thread; pure. Texts are equal, byte for byte, to those of the Python libraries.
 */
import type { Databag } from '../backend.js';
import { isJsonObject, parseJson, pythonJson, type PythonJson } from '../python-json.js';
import type { AnswerProtocol, ClientRequest } from './client-request.js';

/** The public part of an answer; what is secret stands in Juju secrets, named by id. */
export interface ClientAnswer {
  /** `host:port`, with commas between them. */
  readonly endpoints?: string | undefined;
  readonly readOnlyEndpoints?: string | undefined;
  /** The server's version. */
  readonly version?: string | undefined;
  /** The id of the secret with `username` and `uris`. */
  readonly secretUser?: string | undefined;
  /** The id of the secret with `tls-ca` and `tls`. */
  readonly secretTls?: string | undefined;
}

/** An answer together with what it answers. */
export interface AnsweredRequest {
  readonly request: ClientRequest;
  readonly answer: ClientAnswer;
}

/** A requirer's reading of a provider's databag. */
export interface ReadAnswer {
  readonly protocol: AnswerProtocol;
  /** Only in v1. */
  readonly requestId: string | undefined;
  readonly answer: ClientAnswer;
}

/** One message of a provider to the requirer's operator: 1xxx tells, 4xxx passes, 5xxx needs somebody. */
export interface ProviderStatus {
  readonly code: number;
  readonly message: string;
  readonly resolution: string;
}

/** Every key that a provider's answer may have: those that an answer does not have are deleted. */
export const ANSWER_KEYS = [
  'data',
  'secret-user',
  'endpoints',
  'read-only-endpoints',
  'version',
  'secret-tls',
  'requests',
] as const;

/**
 * The v0 databag: `data` is the requirer's databag as the provider has seen it, Python's memory of what changed.
 *
 * @param requirerBag in the order that Juju told it.
 */
export function v0AnswerDatabag(requirerBag: Databag, answer: ClientAnswer): Record<string, string> {
  return {
    data: bagSnapshot(requirerBag),
    'secret-user': answer.secretUser ?? '',
    endpoints: answer.endpoints ?? '',
    'read-only-endpoints': answer.readOnlyEndpoints ?? '',
    version: answer.version ?? '',
    'secret-tls': answer.secretTls ?? '',
    requests: '',
  };
}

/** The v1 databag: without its request in `data` a requirer takes no notice of an answer. */
export function v1AnswerDatabag(answered: readonly AnsweredRequest[], requirerBag: Databag): Record<string, string> {
  const answers = answered.map(({ request, answer }): PythonJson => ({
    resource: request.resource,
    'request-id': request.requestId ?? null,
    salt: request.salt ?? null,
    endpoints: answer.endpoints ?? null,
    'read-only-endpoints': answer.readOnlyEndpoints ?? null,
    'secret-user': answer.secretUser ?? null,
    'secret-tls': answer.secretTls ?? null,
    'secret-extra': null,
    'secret-entity': null,
    version: answer.version ?? null,
  }));
  return {
    version: 'v1',
    requests: pythonJson(answers),
    data: pythonJson(withoutNulls(requirerBag.get('requests'))),
    'secret-user': '',
    endpoints: '',
    'read-only-endpoints': '',
    'secret-tls': '',
  };
}

/** The other side's databag as one JSON text, without the other side's own such text. */
export function bagSnapshot(bag: Databag): string {
  return pythonJson(new Map([...bag].filter(([key]) => key !== 'data')));
}

/**
 * Reads what any provider has written for one request; `undefined` while there is no answer to it. Where the ids are not known
 * (only the leader may read its own databag) the resource tells which one is meant.
 */
export function readAnswer(bag: Databag, resource: string, requestId: string | undefined): ReadAnswer | undefined {
  if (bag.get('version') !== 'v1') {
    const answer = answerOf((name) => bag.get(name));
    // The snapshot alone, or a status, is no answer yet.
    return isEmpty(answer) ? undefined : { protocol: 'v0', requestId: undefined, answer };
  }
  const list = parseJson(bag.get('requests'));
  if (!Array.isArray(list)) return undefined;
  const items = (list as readonly unknown[]).filter(isJsonObject);
  const item = items.find((one) =>
    requestId === undefined ? one.resource === resource : one['request-id'] === requestId,
  );
  if (item === undefined) return undefined;
  const field = (name: string): string | undefined => {
    const value = item[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const answer = answerOf(field);
  return isEmpty(answer) ? undefined : { protocol: 'v1', requestId: field('request-id'), answer };
}

/** What the provider tells about itself; whatever cannot be read is left out. */
export function readStatuses(bag: Databag): ProviderStatus[] {
  const list = parseJson(bag.get('status'));
  if (!Array.isArray(list)) return [];
  return (list as readonly unknown[])
    .filter(isJsonObject)
    .flatMap(({ code, message, resolution }) =>
      typeof code === 'number' && typeof message === 'string'
        ? [{ code, message, resolution: typeof resolution === 'string' ? resolution : '' }]
        : [],
    );
}

/** The text of `status`. */
export function statusText(statuses: readonly ProviderStatus[]): string {
  return pythonJson(statuses.map(({ code, message, resolution }) => ({ code, message, resolution })));
}

/** What a v1 databag answered before, request by request, so that an answer to one leaves the others as they are. */
export function readAnswers(bag: Databag): Map<string, ClientAnswer> {
  const list = bag.get('version') === 'v1' ? parseJson(bag.get('requests')) : undefined;
  const answers = new Map<string, ClientAnswer>();
  for (const item of Array.isArray(list) ? (list as readonly unknown[]).filter(isJsonObject) : []) {
    const id = item['request-id'];
    if (typeof id !== 'string') continue;
    answers.set(
      id,
      answerOf((name) => (typeof item[name] === 'string' ? item[name] : undefined)),
    );
  }
  return answers;
}

function answerOf(field: (name: string) => string | undefined): ClientAnswer {
  return {
    endpoints: field('endpoints'),
    readOnlyEndpoints: field('read-only-endpoints'),
    version: field('version'),
    secretUser: field('secret-user'),
    secretTls: field('secret-tls'),
  };
}

function isEmpty(answer: ClientAnswer): boolean {
  return answer.endpoints === undefined && answer.secretUser === undefined;
}

/** v1's snapshot: each request by its id, without what is null. */
function withoutNulls(requests: string | undefined): PythonJson {
  const list = parseJson(requests);
  const byId = new Map<string, PythonJson>();
  for (const item of Array.isArray(list) ? (list as readonly unknown[]).filter(isJsonObject) : []) {
    const id = item['request-id'];
    if (typeof id !== 'string') continue;
    // It came out of JSON.parse, so it holds only what JSON has.
    byId.set(id, new Map(Object.entries(item).filter(([, value]) => value !== null) as [string, PythonJson][]));
  }
  return byId;
}
