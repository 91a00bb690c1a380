/** The names by which a member is spoken to: in the request, in SNI, in its certificate. Pure. */
import { isIP } from 'node:net';
import type { Endpoint, TlsMaterial } from '../wire/connection-settings.js';

/** The value of `:authority`. */
export function authorityOf(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return 'localhost';
  return `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${String(endpoint.port)}`;
}

/** What the certificate has to be for: a name or an IP address. The dot that ends a name written in full is no part of it. */
export function serverNameToCheck(endpoint: Endpoint, tls: TlsMaterial | undefined): string {
  const name = tls?.serverName ?? (endpoint.kind === 'unix' ? 'localhost' : endpoint.host);
  return name.replace(/\.$/u, '');
}

/** What goes into SNI, which carries names only, without a dot at the end (RFC 6066); undefined for an IP address. */
export function serverNameToSend(endpoint: Endpoint, tls: TlsMaterial | undefined): string | undefined {
  const name = serverNameToCheck(endpoint, tls);
  return isIP(name) === 0 ? name : undefined;
}
