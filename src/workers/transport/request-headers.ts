/** The request headers of a gRPC call. Pure. */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Metadata } from './grpc-connection.js';

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

/** The header whose name or value cannot be sent, if there is one: node would end the whole session for it. */
export function badMetadata(metadata: Metadata | undefined): string | undefined {
  for (const [name, value] of Object.entries(metadata ?? {})) {
    const lower = name.toLowerCase();
    if (!/^[a-z0-9_.-]+$/.test(lower) || lower.startsWith('grpc-') || RESERVED.has(lower)) return name;
    if (!/^[\x20-\x7e]*$/.test(value)) return name;
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
