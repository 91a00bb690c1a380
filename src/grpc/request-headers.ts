/** The request headers of a gRPC call. Pure. */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { EtcdError } from '../wire/errors.js';
import type { Metadata } from './grpc-connection.js';
import { notStarted } from './http2-errors.js';

/** Header names that are the transport's own business. `grpc-` names are reserved by the protocol. */
const RESERVED: ReadonlySet<string> = new Set([
  'te',
  'content-type',
  'user-agent',
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The error for metadata that cannot be sent: node would end the whole session for it. Values are never repeated. */
export function metadataError(metadata: Metadata | undefined, endpoint: string): EtcdError | undefined {
  for (const [name, value] of Object.entries(metadata ?? {})) {
    const lower = name.toLowerCase();
    const badName = !/^[a-z0-9_.-]+$/.test(lower) || lower.startsWith('grpc-') || RESERVED.has(lower);
    if (badName || !/^[\x20-\x7e]*$/.test(value)) {
      const what = badName ? 'names are tokens that gRPC does not use itself' : 'values are printable ASCII';
      return notStarted(`request header ${JSON.stringify(name)} cannot be sent: ${what}`, endpoint, 'invalid-argument');
    }
  }
  return undefined;
}

/** Pseudo headers first, then gRPC's own, then the caller's. */
export function requestHeaders(
  scheme: 'http' | 'https',
  authority: string,
  path: string,
  metadata: Metadata | undefined,
  timeoutMs: number | undefined,
): OutgoingHttpHeaders {
  return {
    ':method': 'POST',
    ':scheme': scheme,
    ':authority': authority,
    ':path': path,
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'etcd-vigil',
    'grpc-accept-encoding': 'identity',
    ...(timeoutMs === undefined ? undefined : { 'grpc-timeout': grpcTimeout(timeoutMs) }),
    ...metadata,
  };
}

/** At most 8 digits and a unit; rounded up, so that the server never gives up before this side does. */
export function grpcTimeout(timeoutMs: number): string {
  if (timeoutMs < 1e8) return `${String(Math.max(1, Math.ceil(timeoutMs)))}m`;
  return `${String(Math.min(99_999_999, Math.ceil(timeoutMs / 1000)))}S`;
}
