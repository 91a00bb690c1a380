/**
 * The flags of a requiring endpoint, of either interface, and the events between two hooks, from what the endpoint offers the
 * engine. Main thread; pure.
 */
import type { EtcdConnectionInfo } from './relation-endpoint.js';
import { hashOf, type Snapshot } from './snapshot.js';

/** What changed on the endpoint since the last successful hook. */
export type EtcdRequiresEvent =
  /** The first unit of a provider has joined. */
  | { readonly type: 'connected' }
  /** The last relation is gone. */
  | { readonly type: 'disconnected' }
  /** There is a connection string now. */
  | { readonly type: 'available' }
  /** There is none any more. */
  | { readonly type: 'unavailable' }
  /** There are a key, a certificate and authorities now. */
  | { readonly type: 'tlsAvailable' }
  | { readonly type: 'tlsUnavailable' }
  /** Other endpoints than before (their order does not count), also the first; `endpoints` are those to use now. */
  | { readonly type: 'endpointsChanged'; readonly endpoints: readonly string[] }
  /** Another version than before, also the first; `null` means that etcd 2 must be assumed. */
  | { readonly type: 'versionChanged'; readonly version: string | null }
  /** Another key, certificate or authorities than before, also the first. */
  | { readonly type: 'credentialsChanged' };

/** The flags of the endpoint `name`, in the order in which they come to hold. */
export function requirerFlags(name: string): readonly [connected: string, available: string, tlsAvailable: string] {
  return [`${name}.connected`, `${name}.available`, `${name}.tls.available`];
}

/**
 * What holds now.
 *
 * @param joined the relations that count as connected.
 * @param more hashes to remember beside those of the connection.
 */
export function requirerSnapshot(
  name: string,
  joined: readonly string[],
  connection: EtcdConnectionInfo | undefined,
  more: Readonly<Record<string, string>> = {},
): Snapshot {
  const [connected, available, tlsAvailable] = requirerFlags(name);
  const names = joined.length > 0 ? [connected] : [];
  if (connection === undefined) return { names, joined, hashes: {} };
  const { endpoints, version, tls, username } = connection;
  const hashes: Record<string, string> = { ...more, endpoints: hashOf([...endpoints].sort()) };
  if (version !== undefined) hashes['version'] = hashOf([version]);
  names.push(available);
  if (tls?.key !== undefined && tls.cert !== undefined) {
    names.push(tlsAvailable);
    hashes['credentials'] = hashOf([tls.key, tls.cert, tls.ca, ...(username === undefined ? [] : [username])]);
  }
  return { names, joined, hashes };
}

/** What changed from one snapshot to the next, in order. */
export function requirerEvents(
  name: string,
  before: Snapshot,
  now: Snapshot,
  connection: EtcdConnectionInfo | undefined,
): readonly EtcdRequiresEvent[] {
  const [connected, available, tlsAvailable] = requirerFlags(name);
  const events: EtcdRequiresEvent[] = [];
  const turned = (flag: string, on: EtcdRequiresEvent, off: EtcdRequiresEvent): void => {
    const [was, is] = [before.names.includes(flag), now.names.includes(flag)];
    if (was !== is) events.push(is ? on : off);
  };
  const differs = (what: string): boolean => before.hashes[what] !== now.hashes[what];
  turned(connected, { type: 'connected' }, { type: 'disconnected' });
  turned(available, { type: 'available' }, { type: 'unavailable' });
  turned(tlsAvailable, { type: 'tlsAvailable' }, { type: 'tlsUnavailable' });
  if (connection === undefined) return events;
  // Python tells of every other list in the databag, also where another one counts.
  const isPublishedAnew = before.hashes['addresses'] !== undefined && differs('addresses');
  if (differs('endpoints') || isPublishedAnew)
    events.push({ type: 'endpointsChanged', endpoints: connection.endpoints });
  if (differs('version')) events.push({ type: 'versionChanged', version: connection.version ?? null });
  if (now.names.includes(tlsAvailable) && differs('credentials')) events.push({ type: 'credentialsChanged' });
  return events;
}
