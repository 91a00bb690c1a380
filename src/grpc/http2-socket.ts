/**
 * Opens the socket below an HTTP/2 session: TCP or unix, plain or TLS with ALPN. Thread: the shard's. The caller owns
 * the socket and its events.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Endpoint, TlsMaterial } from '../wire/connection-settings.js';
import { addressRace, type AddressRaceParts } from './address-race.js';
import { tlsContextOptions } from '../wire/tls-context.js';

export type OpenedSocket =
  { readonly secure: false; readonly socket: Socket } | { readonly secure: true; readonly socket: TLSSocket };

/** Starts to connect. Throws what node throws for material or addresses that it cannot use. */
export function openSocket(endpoint: Endpoint, tls: TlsMaterial | undefined, parts: AddressRaceParts): OpenedSocket {
  const race = endpoint.kind === 'unix' ? undefined : addressRace(endpoint.port, parts);
  const target =
    endpoint.kind === 'unix'
      ? { path: endpoint.path }
      : { host: endpoint.host, port: endpoint.port, noDelay: true, autoSelectFamily: false, lookup: race?.lookup };
  if (!endpoint.tls) {
    const socket = connectTcp(target);
    if (race !== undefined) socket.once('close', race.cancel);
    return { secure: false, socket };
  }
  const socket = connectTls({ ...target, ...tlsOptions(endpoint, tls) });
  socket.setNoDelay(true);
  if (race !== undefined) socket.once('close', race.cancel);
  return { secure: true, socket };
}

/** The value of `:authority`. */
export function authorityOf(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return 'localhost';
  return `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${String(endpoint.port)}`;
}

function tlsOptions(endpoint: Endpoint, tls: TlsMaterial | undefined): ConnectionOptions {
  const name = tls?.serverName ?? (endpoint.kind === 'unix' ? 'localhost' : endpoint.host);
  return {
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    // SNI carries names only (RFC 6066); an IP address is checked against the certificate without being sent.
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: tls?.insecureSkipVerify !== true,
    ...tlsContextOptions(tls),
  };
}
