/**
 * What a provider of the interface etcd_client writes into its application's databag, in both shapes of it, and how a
 * requirer reads them. Main thread; pure. A v0 answer is, byte for byte, that of Python's v0 library, and a v1 answer that of its v1
 * library; the guide lists where the two sides differ from Python otherwise.
 */
import type { Databag } from '../backend.js';
import { pythonJson, type PythonJson } from '../python-json.js';
import { answerSnapshot, bagSnapshot, jsonObjects, requestSnapshot } from './change-memory.js';
import { requestIdOf, type AnswerProtocol, type ClientRequest } from './client-request.js';

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
    data: requestSnapshot(requirerBag),
    'secret-user': '',
    endpoints: '',
    'read-only-endpoints': '',
    'secret-tls': '',
  };
}

/**
 * Reads what any provider has written for one request; `undefined` while there is no answer to it. Where the ids are not known
 * (only the leader may read its own databag) the resource tells which one is meant.
 */
export function readAnswer(bag: Databag, resource: string, requestId: string | undefined): ReadAnswer | undefined {
  if (bag.get('version') !== 'v1') {
    const answer = answerOf((name) => bag.get(name));
    // The snapshot alone, or a status, is no answer yet.
    if (!isEmpty(answer)) return { protocol: 'v0', requestId: undefined, answer };
  }
  const item = jsonObjects(bag.get('requests')).find((one) =>
    requestId === undefined ? resourceOf(one) === resource : answeredId(one) === requestId,
  );
  if (item === undefined) return undefined;
  const answer = answerOf((name) => textField(item, name));
  return isEmpty(answer) ? undefined : { protocol: 'v1', requestId: answeredId(item), answer };
}

/** Whether a provider answers in v1's shape. To Python the version of such a list is v1 where none is written. */
export function isV1Answer(bag: Databag): boolean {
  return (bag.get('version') ?? 'v1') === 'v1' && bag.has('requests');
}

/** The snapshot of an answer that a requirer keeps for Python's library; `undefined` where Python would keep none. */
export function readAnswerSnapshot(
  bag: Databag,
  protocol: AnswerProtocol,
  kept: string | undefined,
): string | undefined {
  if (bag.size === 0) return undefined;
  if (protocol === 'v0') return bagSnapshot(bag);
  // Python's v1 library takes no notice of an answer without it.
  return bag.has('data') ? answerSnapshot(bag, kept) : undefined;
}

/** What the provider tells about itself; whatever cannot be read is left out. */
export function readStatuses(bag: Databag): ProviderStatus[] {
  return jsonObjects(bag.get('status')).flatMap(({ code, message, resolution }) =>
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
  const answers = new Map<string, ClientAnswer>();
  for (const item of jsonObjects(bag.get('version') === 'v1' ? bag.get('requests') : undefined)) {
    const id = answeredId(item);
    if (id !== undefined)
      answers.set(
        id,
        answerOf((name) => textField(item, name)),
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

/** The id of what an element of v1's `requests` answers: Python derives one that is not written. */
function answeredId(item: Readonly<Record<string, unknown>>): string | undefined {
  const [id, resource, salt] = [textField(item, 'request-id'), resourceOf(item), textField(item, 'salt')];
  return id ?? (resource !== undefined && salt !== undefined ? requestIdOf(resource, salt) : undefined);
}

/** Python also takes the name that v0 has for it. */
function resourceOf(item: Readonly<Record<string, unknown>>): string | undefined {
  return textField(item, 'resource') ?? textField(item, 'prefix');
}

function textField(item: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = item[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
