/**
 * What a requirer of the interface etcd_client writes into its application's databag, in the three shapes of it, and how a
 * provider reads them. Main thread; pure. Texts of v0 and v1 are equal, byte for byte, to those of the Python libraries.
 */
import { createHash } from 'node:crypto';
import type { Databag } from '../backend.js';
import { isJsonObject, parseJson, pythonJson, type PythonJson } from '../python-json.js';

/**
 * Which contract a requirer speaks: `v0` (understood by providers of either), `v1`, or `dual`: both in one databag, with one
 * shared secret, answered by providers of either in their own shape.
 */
export type EtcdClientProtocol = 'v0' | 'v1' | 'dual';

/** The contract of one answer. */
export type AnswerProtocol = 'v0' | 'v1';

/** What a requirer may ask for beyond its keys. Providers take no change of it once it was sent. */
export interface RequestExtras {
  readonly extraUserRoles?: string | undefined;
  readonly extraGroupRoles?: string | undefined;
  readonly entityType?: string | undefined;
  /** JSON text. */
  readonly entityPermissions?: string | undefined;
}

/** One request for access to the keys under a prefix. */
export interface ClientRequest extends RequestExtras {
  /** The prefix, such as `/app/`. */
  readonly resource: string;
  /** Both only in v1; they stay the same for as long as the request lives. */
  readonly requestId?: string | undefined;
  readonly salt?: string | undefined;
  /** The id of the secret with the client's certificate; missing until there is one. */
  readonly secretMtls?: string | undefined;
  /** The client's certificate itself, encrypted: from another model, whose secrets the provider may not read. */
  readonly encryptedMtls?: string | undefined;
}

/** A provider's reading of a requirer's databag. */
export interface ReadRequests {
  readonly protocol: AnswerProtocol;
  readonly requests: readonly ClientRequest[];
  /** What could not be understood, without its content. */
  readonly problem: string | undefined;
}

/** The fields of one contract by name: the v0 databag, or one element of v1's `requests`. */
const EXTRA_FIELDS = [
  ['extra-user-roles', 'extraUserRoles'],
  ['extra-group-roles', 'extraGroupRoles'],
  ['entity-type', 'entityType'],
  ['entity-permissions', 'entityPermissions'],
] as const;

const PROVIDED_SECRETS = ['mtls-cert'];
/** What Python's library asks for, whatever the database. */
const REQUESTED_SECRETS = [
  'username',
  'password',
  'tls',
  'tls-ca',
  'uris',
  'read-only-uris',
  'entity-name',
  'entity-password',
];
const DUAL_REQUESTED_SECRETS = ['username', 'uris', 'tls', 'tls-ca'];

/** v1's id of a request: it must be the same whenever the request is written again. */
export function requestIdOf(resource: string, salt: string): string {
  return createHash('sha256').update(`${resource}:${salt}`).digest('hex').slice(0, 16);
}

/** The two lists of v0 that stand in the application's databag and, as a mirror, in the leader's unit databag. */
export function secretLists(): Record<string, string> {
  return {
    'requested-secrets': pythonJson(REQUESTED_SECRETS),
    'provided-secrets': pythonJson(PROVIDED_SECRETS),
  };
}

/** The application's databag for one request. For `v1` and `dual` it needs a salt. */
export function requestDatabag(protocol: EtcdClientProtocol, request: ClientRequest): Record<string, string> {
  const secret: Record<string, string> = request.secretMtls === undefined ? {} : { 'secret-mtls': request.secretMtls };
  const extras: Record<string, string> = {};
  for (const [field, name] of EXTRA_FIELDS) {
    const value = request[name];
    if (value !== undefined) extras[field] = value;
  }
  switch (protocol) {
    case 'v0':
      return { ...secretLists(), ...secret, prefix: request.resource, ...extras };
    case 'v1':
      return { version: 'v1', requests: pythonJson([v1Request(request, true)]) };
    case 'dual':
      return {
        prefix: request.resource,
        // Without the space that Python puts: as it was when the genuine providers of both versions answered it.
        'requested-secrets': JSON.stringify(DUAL_REQUESTED_SECRETS),
        'provided-secrets': JSON.stringify(PROVIDED_SECRETS),
        ...secret,
        ...extras,
        version: 'v1',
        requests: pythonJson([v1Request(request, false)]),
      };
  }
}

/** Reads what any requirer has written. A databag that is not complete yet holds no requests. */
export function readRequests(bag: Databag): ReadRequests {
  if (bag.get('version') === 'v1') return readV1(bag.get('requests'));
  const resource = bag.get('prefix');
  if (resource === undefined) return { protocol: 'v0', requests: [], problem: undefined };
  const field = (name: string): string | undefined => bag.get(name);
  const request = { ...requestOf(resource, field), encryptedMtls: bag.get('mtls-cert') };
  return { protocol: 'v0', requests: [request], problem: undefined };
}

function readV1(text: string | undefined): ReadRequests {
  const nothing = { protocol: 'v1', requests: [] } as const;
  if (text === undefined) return { ...nothing, problem: undefined };
  const list = parseJson(text);
  if (!Array.isArray(list)) return { ...nothing, problem: "'requests' is not a JSON list" };
  const requests = new Map<string, ClientRequest>();
  let problem: string | undefined;
  for (const item of list as readonly unknown[]) {
    const field = (name: string): string | undefined => {
      const value = isJsonObject(item) ? item[name] : undefined;
      if (value === undefined || value === null || value === '') return undefined;
      // Permissions are a list there, and text here.
      return typeof value === 'string' ? value : JSON.stringify(value);
    };
    // Python also takes the name that v0 has for the resource, and derives an id that is not written.
    const [resource, salt] = [field('resource') ?? field('prefix'), field('salt')];
    if (resource === undefined || salt === undefined) {
      problem = "an element of 'requests' has no resource or salt";
    } else {
      const requestId = field('request-id') ?? requestIdOf(resource, salt);
      requests.set(requestId, { ...requestOf(resource, field), requestId, salt });
    }
  }
  return { protocol: 'v1', requests: [...requests.values()], problem };
}

function requestOf(resource: string, field: (name: string) => string | undefined): ClientRequest {
  return {
    resource,
    secretMtls: field('secret-mtls'),
    extraUserRoles: field('extra-user-roles'),
    extraGroupRoles: field('extra-group-roles'),
    entityType: field('entity-type'),
    entityPermissions: field('entity-permissions'),
  };
}

function v1Request(request: ClientRequest, withNulls: boolean): PythonJson {
  const permissions = parseJson(request.entityPermissions) as PythonJson | undefined;
  const fields: [string, PythonJson][] = [
    ['resource', request.resource],
    ['request-id', request.requestId ?? null],
    ['salt', request.salt ?? null],
    ['extra-user-roles', request.extraUserRoles ?? null],
    ['extra-group-roles', request.extraGroupRoles ?? null],
    ...(withNulls ? [['external-node-connectivity', false] satisfies [string, PythonJson]] : []),
    ['entity-type', request.entityType ?? null],
    ['entity-permissions', permissions ?? null],
  ];
  if (request.secretMtls !== undefined) fields.push(['secret-mtls', request.secretMtls]);
  return new Map(withNulls ? fields : fields.filter(([, value]) => value !== null));
}
