/**
 * Reads the addresses of etcd members as people write them. Pure; the only parser of endpoints. Nothing of an endpoint's
 * userinfo is ever repeated in a message, since it may be a password.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint } from './connection-settings.js';
import { describeKind, invalidOption } from './arguments.js';
import { EtcdError } from './errors.js';

const ALLOWED =
  'allowed are host:port, http://host:port, https://host:port ([…] around an IPv6 address), unix://host:port and unix:///path ' +
  '(unixs:// with TLS)';

/**
 * Parses endpoints: an array with one in each element, or a connection string with commas between them
 * (`'https://a:2379,https://b:2379'`). Without a scheme an endpoint is plain HTTP/2. `unix://host:port` is etcd's own form: a
 * socket named `host:port` in the working directory.
 *
 * @param call the call that they are an option of, for the message.
 * @throws EtcdError `invalid-argument` for an empty list, an endpoint that cannot be read, or one given twice.
 */
export function parseEndpoints(input: string | readonly string[], call?: string): Endpoint[] {
  try {
    return parseEach(input);
  } catch (thrown) {
    if (call === undefined || !(thrown instanceof EtcdError)) throw thrown;
    throw invalidOption(`${call}: ${thrown.message}`);
  }
}

function parseEach(input: string | readonly string[]): Endpoint[] {
  const texts: readonly unknown[] = typeof input === 'string' ? input.split(',') : input;
  if (!Array.isArray(texts))
    throw invalidOption(`endpoints must be a string or an array of strings, not ${describeKind(input)}; ${ALLOWED}`);
  if (texts.length === 0) throw invalidOption(`endpoints must name at least one member; ${ALLOWED}`);
  const seen = new Set<string>();
  return texts.map((text: unknown) => {
    const endpoint = parseEndpoint(text);
    const address =
      endpoint.kind === 'unix' ? `unix ${endpoint.path}` : `${endpoint.host.toLowerCase()} ${String(endpoint.port)}`;
    if (seen.has(address))
      throw invalidOption(`endpoint '${endpoint.text}' is given twice; name each member's address once`);
    seen.add(address);
    return endpoint;
  });
}

function parseEndpoint(input: unknown): Endpoint {
  if (typeof input !== 'string')
    throw invalidOption(
      `endpoints must be a string or an array of strings; one of them is ${describeKind(input)}; ${ALLOWED}`,
    );
  const text = input.trim();
  if (text === '') throw invalidOption(`an endpoint is empty; ${ALLOWED}`);
  if (text.includes('@')) {
    throw invalidOption(
      `endpoint '${withoutUserinfo(text)}' carries a user name or password; give them with the option auth instead`,
    );
  }
  const schemeEnd = text.indexOf('://');
  const scheme = schemeEnd === -1 ? 'http' : text.slice(0, schemeEnd).toLowerCase();
  const rest = schemeEnd === -1 ? text : text.slice(schemeEnd + 3);
  switch (scheme) {
    case 'http':
    case 'https':
      return parseTcp(text, rest, scheme === 'https');
    case 'unix':
    case 'unixs':
      return parseUnix(text, rest, scheme === 'unixs');
    default:
      throw refuse(text, 'has a scheme that is not known');
  }
}

function parseTcp(text: string, rest: string, tls: boolean): Endpoint {
  const address = rest.endsWith('/') ? rest.slice(0, -1) : rest;
  if (/[/?#]/u.test(address)) throw refuse(text, 'has a path');
  const { host, port } = splitHostPort(text, address);
  return { kind: 'tcp', tls, host, port, text };
}

function parseUnix(text: string, rest: string, tls: boolean): Endpoint {
  if (/[?#\0]/u.test(rest)) throw refuse(text, 'has a character that a socket path cannot have');
  if (rest.startsWith('/')) {
    if (rest.endsWith('/')) throw refuse(text, 'names a directory');
    return { kind: 'unix', tls, path: rest, text };
  }
  if (rest.includes('/')) throw refuse(text, 'has a relative path');
  splitHostPort(text, rest);
  return { kind: 'unix', tls, path: rest, text };
}

function splitHostPort(text: string, address: string): { host: string; port: number } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/u.exec(address);
  if (bracketed !== null) {
    const host = bracketed[1] ?? '';
    if (!isIPv6(host)) throw refuse(text, 'has brackets around something that is not an IPv6 address');
    return { host, port: parsePort(text, bracketed[2]) };
  }
  const colon = address.lastIndexOf(':');
  const host = colon === -1 ? address : address.slice(0, colon);
  if (host.includes(':')) throw refuse(text, 'has an IPv6 address without brackets');
  const looksLikeIPv4 = /^[\d.]+$/u.test(host);
  if (host === '' || !/^[\w.-]+$/u.test(host) || (looksLikeIPv4 && !isIPv4(host)))
    throw refuse(text, 'has no valid host');
  return { host, port: parsePort(text, colon === -1 ? undefined : address.slice(colon + 1)) };
}

function parsePort(text: string, port: string | undefined): number {
  if (port === undefined || port === '') throw refuse(text, 'has no port (etcd listens on 2379 by default)');
  const value = /^\d{1,5}$/u.test(port) ? Number(port) : 0;
  if (value < 1 || value > 65535) throw refuse(text, 'has a port that is not a number from 1 to 65535');
  return value;
}

function refuse(text: string, why: string): EtcdError {
  return invalidOption(`endpoint '${text}' ${why}; ${ALLOWED}`);
}

function withoutUserinfo(text: string): string {
  const schemeEnd = text.indexOf('://');
  const scheme = schemeEnd === -1 ? '' : text.slice(0, schemeEnd + 3);
  return `${scheme}…@${text.slice(text.lastIndexOf('@') + 1)}`;
}
