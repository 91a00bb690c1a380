/**
 * `data`: the JSON text in which each Python library remembers what it saw of the other side, to tell what changed. Main thread; pure. This
 * package has a memory of its own; these are kept up so that either side can be, or go back to, the Python library.
 */
import type { Databag } from '../backend.js';
import { isJsonObject, parseJson, pythonJson, type PythonJson } from '../python-json.js';
import { requestIdOf } from './client-request.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of a request and of an answer in the order in which Python's models have them; others follow as they came. */
const REQUEST_FIELDS = [
  ...['resource', 'request-id', 'salt', 'extra-user-roles', 'extra-group-roles', 'external-node-connectivity'],
  ...['entity-type', 'entity-permissions', 'secret-mtls'],
];
const ANSWER_FIELDS = [
  ...['resource', 'request-id', 'salt', 'endpoints', 'read-only-endpoints'],
  ...['secret-user', 'secret-tls', 'secret-extra', 'secret-entity', 'version'],
];
/** The fields of one permission: Python keeps no others. */
const PERMISSION_FIELDS = ['resource_name', 'resource_type', 'privileges'];
/** The content of secrets, which Python reads into the same models, and its own memory. */
const NEVER_KEPT = new Set(['data', 'mtls-cert', 'username', 'password', 'uris', 'read-only-uris', 'tls', 'tls-ca']);

/** v0, on both sides: the other side's databag as one JSON text, without the other side's own such text. */
export function bagSnapshot(bag: Databag): string {
  return pythonJson(new Map([...bag].filter(([key]) => key !== 'data')));
}

/** v1, of a provider: each request by its id. Unlike Python's it forgets requests that are no more. */
export function requestSnapshot(requirerBag: Databag): string {
  return pythonJson(byRequestId(requirerBag.get('requests'), REQUEST_FIELDS));
}

/**
 * v1, of a requirer: each answer by the id of its request.
 *
 * @param kept the former such text, whose other answers stay, as Python's do.
 */
export function answerSnapshot(providerBag: Databag, kept: string | undefined): string {
  const former = parseJson(kept);
  const answers = new Map(isJsonObject(former) ? entriesOf(former) : []);
  for (const [id, answer] of byRequestId(providerBag.get('requests'), ANSWER_FIELDS)) answers.set(id, answer);
  return pythonJson(answers);
}

/** The objects in a JSON list; anything else gives none. */
export function jsonObjects(text: string | undefined): readonly JsonObject[] {
  const list = parseJson(text);
  return Array.isArray(list) ? (list as readonly unknown[]).filter(isJsonObject) : [];
}

function byRequestId(text: string | undefined, fields: readonly string[]): Map<string, PythonJson> {
  const byId = new Map<string, PythonJson>();
  for (const item of jsonObjects(text)) {
    const ordered = withoutDefaults(item, fields);
    const [id, resource, salt] = ['request-id', 'resource', 'salt'].map((name) => ordered.get(name));
    if (typeof id === 'string') byId.set(id, ordered);
    else if (typeof resource === 'string' && typeof salt === 'string') byId.set(requestIdOf(resource, salt), ordered);
  }
  return byId;
}

/** What Python's `exclude_none` and `exclude_defaults` leave, in its order. */
function withoutDefaults(item: JsonObject, fields: readonly string[]): Map<string, PythonJson> {
  const given = new Map(entriesOf(item));
  // The model's name for what v0 calls prefix.
  const prefix = given.get('prefix');
  if (prefix !== undefined && !given.has('resource')) given.set('resource', prefix);
  given.delete('prefix');
  const isDefault = (name: string, value: PythonJson | undefined): boolean =>
    value === undefined ||
    value === null ||
    (name === 'external-node-connectivity' && value === false) ||
    (name === 'resource' && value === '');
  const names = [...fields, ...[...given.keys()].filter((name) => !fields.includes(name) && !NEVER_KEPT.has(name))];
  return new Map(
    names.flatMap((name) => {
      const value = name === 'entity-permissions' ? permissions(given.get(name)) : given.get(name);
      return value === undefined || isDefault(name, value) ? [] : [[name, value] as const];
    }),
  );
}

function permissions(value: PythonJson | undefined): PythonJson | undefined {
  if (!Array.isArray(value)) return value;
  const items = (value as readonly unknown[]).filter(isJsonObject).map((item) => new Map(entriesOf(item)));
  return items.map(
    (item) =>
      new Map(
        PERMISSION_FIELDS.flatMap((name) => [item.get(name)].flatMap((v) => (v === undefined ? [] : [[name, v]]))),
      ),
  );
}

/** The object came out of JSON.parse, so it holds only what JSON has. */
function entriesOf(item: JsonObject): [string, PythonJson][] {
  return Object.entries(item) as [string, PythonJson][];
}
