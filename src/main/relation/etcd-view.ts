/**
 * What the units of an `etcd` relation offer, and which unit is used. Main thread; pure.
 *
 * Units publish each their own view of the cluster, and may have certificates of different authorities: so everything is taken
 * from one unit, the first (in Juju's order) with a connection string. Credentials that it lacks are taken as a whole from
 * the first unit of the same relation that has all three.
 */
import type { Databag } from './backend.js';
import { hideFields } from './hidden-secrets.js';
import type { CredentialBundle } from './pem.js';
import type { EtcdConnectionInfo } from './relation-endpoint.js';

/** The settings of the interface `etcd`, all in the provider's unit databags. */
export const ETCD_KEYS = {
  connectionString: 'connection_string',
  version: 'version',
  key: 'client_key',
  cert: 'client_cert',
  ca: 'client_ca',
} as const;

/** What one unit of the provider offers. */
export interface EtcdUnitView {
  readonly unit: string;
  /** As it was published. */
  readonly connectionString: string | undefined;
  /** The endpoints in it. */
  readonly endpoints: readonly string[];
  readonly version: string | undefined;
  /** Key, certificate and authorities, if it has all three. */
  readonly credentials: CredentialBundle | undefined;
  /** It has one or two of the three: it is about to send the rest, or to take these back. */
  readonly hasHalfBundle: boolean;
}

/** What one relation offers. */
export interface EtcdRelationView {
  readonly relationId: string;
  /** In Juju's order. */
  readonly units: readonly EtcdUnitView[];
  /** The unit whose connection string and version are used; `undefined` while no unit has one. */
  readonly source: EtcdUnitView | undefined;
  /** The credentials that are used; `undefined` while {@link source} is, or no unit has all three. */
  readonly credentials: CredentialBundle | undefined;
}

/** The endpoints of a connection string, in its order, each once, without spaces and empty places. */
export function splitConnectionString(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ''))];
}

/** Reads one unit's databag. Keys of others (`private-address`, …) are left alone. */
export function unitView(unit: string, bag: Databag): EtcdUnitView {
  const connectionString = present(bag.get(ETCD_KEYS.connectionString));
  const endpoints = splitConnectionString(connectionString ?? '');
  const parts = [bag.get(ETCD_KEYS.key), bag.get(ETCD_KEYS.cert), bag.get(ETCD_KEYS.ca)].map(present);
  const [key, cert, ca] = parts;
  const credentials =
    key === undefined || cert === undefined || ca === undefined ? undefined : hideFields({ key, cert, ca }, 'key');
  return {
    unit,
    connectionString: endpoints.length === 0 ? undefined : connectionString,
    endpoints,
    version: present(bag.get(ETCD_KEYS.version)),
    credentials,
    hasHalfBundle: credentials === undefined && parts.some((part) => part !== undefined),
  };
}

/** Selects from a relation's units. */
export function relationView(relationId: string, units: readonly EtcdUnitView[]): EtcdRelationView {
  const source = units.find((unit) => unit.connectionString !== undefined);
  const credentials = source?.credentials ?? units.find((unit) => unit.credentials !== undefined)?.credentials;
  return { relationId, units, source, credentials: source === undefined ? undefined : credentials };
}

/** What the engine needs of a relation. */
export function connectionOf(view: EtcdRelationView | undefined): EtcdConnectionInfo | undefined {
  if (view?.source === undefined) return undefined;
  const { source, credentials } = view;
  return {
    endpoints: source.endpoints,
    version: source.version,
    tls: credentials && hideFields({ ca: credentials.ca, cert: credentials.cert, key: credentials.key }, 'key'),
    isComplete:
      credentials !== undefined || !usesTls(source.endpoints) || !view.units.some(({ hasHalfBundle }) => hasHalfBundle),
    username: undefined,
    source: { protocol: 'etcd', relationId: view.relationId, member: source.unit },
  };
}

function usesTls(endpoints: readonly string[]): boolean {
  return endpoints.some((endpoint) => endpoint.startsWith('https:'));
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}
