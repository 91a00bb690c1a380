/**
 * Opens the socket below an HTTP/2 session: TCP or unix, plain or TLS with ALPN. Any thread. The caller owns
 * the socket and its events.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Endpoint, TlsMaterial } from '../wire/connection-settings.js';
import { addressRace, type AddressRaceParts } from './address-race.js';
import { tlsContextOptions } from '../wire/tls-context.js';
import { serverNameToCheck, serverNameToSend } from './server-name.js';

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

function tlsOptions(endpoint: Endpoint, tls: TlsMaterial | undefined): ConnectionOptions {
  const name = serverNameToCheck(endpoint, tls);
  return {
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    servername: serverNameToSend(endpoint, tls) ?? '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: tls?.insecureSkipVerify !== true,
    ...tlsContextOptions(tls),
  };
}
