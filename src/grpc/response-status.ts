/**
 * What the headers and trailers of an answer say: still fine, or which error. Pure; knows the gRPC and HTTP rules, not
 * etcd's texts (those are src/wire/server-errors.ts).
 */
import { EtcdError, type EtcdErrorCode } from '../wire/errors.js';
import { serverError } from '../wire/server-errors.js';

/** What is read of a block of headers, as node:http2 hands it out: names in lower case, repeated ones joined by commas. */
export interface ResponseHeaders {
  readonly ':status'?: number | undefined;
  readonly 'content-type'?: string | undefined;
  readonly 'grpc-status'?: string | undefined;
  readonly 'grpc-message'?: string | undefined;
}

const OK = 0;

/** gRPC's table for answers that carry no grpc-status: HTTP status → gRPC status, and our code for it. */
const HTTP_STATUS: ReadonlyMap<number, readonly [grpcStatus: number, code: EtcdErrorCode, hint: string]> = new Map([
  [400, [13, 'protocol-error', "the request was not understood; is this etcd's client port?"]],
  [401, [16, 'unauthenticated', 'a proxy in front of etcd wants credentials']],
  [403, [7, 'permission-denied', 'a proxy in front of etcd refuses the request']],
  [404, [12, 'unimplemented', "nothing serves gRPC at this address; is this etcd's client port?"]],
  [429, [14, 'unavailable', 'a proxy in front of etcd limits the rate']],
  [502, [14, 'unavailable', 'a proxy in front of etcd cannot reach it']],
  [503, [14, 'unavailable', 'a proxy in front of etcd has no member to send this to']],
  [504, [14, 'unavailable', 'a proxy in front of etcd got no answer in time']],
]);

/**
 * Judges the first headers of an answer. `last` says that they were also the end of it (a trailers-only answer).
 * Returns the verdict, or 'go-on' where messages and trailers follow.
 */
export function judgeHeaders(
  headers: ResponseHeaders,
  last: boolean,
  endpoint: string,
): 'go-on' | EtcdError | undefined {
  const httpStatus = headers[':status'];
  const isGrpc = isGrpcContentType(headers['content-type']);
  // A status of gRPC's own outranks the HTTP status, if it really comes from a gRPC server.
  if (last && headers['grpc-status'] !== undefined && (isGrpc || httpStatus === 200)) {
    return judgeTrailers(headers, endpoint);
  }
  if (httpStatus !== 200) return httpError(httpStatus, endpoint);
  if (!isGrpc) {
    const type = headers['content-type'];
    const was = type === undefined ? 'without a content-type' : `of type ${JSON.stringify(type.slice(0, 80))}`;
    return new EtcdError(`${endpoint} sent an answer ${was} instead of application/grpc: is this etcd's client port?`, {
      code: 'protocol-error',
      grpcStatus: 2,
      endpoint,
    });
  }
  return last ? judgeTrailers(headers, endpoint) : 'go-on';
}

/** Judges the trailers: undefined is OK. `undefined` trailers are those of an answer that ended without any. */
export function judgeTrailers(trailers: ResponseHeaders | undefined, endpoint: string): EtcdError | undefined {
  const text = trailers?.['grpc-status'];
  if (text === undefined) {
    return new EtcdError(`${endpoint} ended its answer without a grpc-status`, {
      code: 'protocol-error',
      grpcStatus: 2,
      outcome: 'unknown',
      endpoint,
    });
  }
  if (!/^\d{1,9}$/.test(text)) {
    return new EtcdError(`${endpoint} sent a grpc-status that is not a number`, {
      code: 'protocol-error',
      grpcStatus: 2,
      outcome: 'unknown',
      endpoint,
    });
  }
  const status = Number(text);
  if (status === OK) return undefined;
  const message = decodeGrpcMessage(trailers?.['grpc-message'] ?? '');
  return serverError(status, message, { endpoint });
}

/**
 * Decodes a grpc-message header: percent-encoded UTF-8. Sequences that are not valid stay as they are, bytes that are
 * not UTF-8 become U+FFFD: a broken text must never hide the status that came with it.
 */
export function decodeGrpcMessage(encoded: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; at += 1) {
    const hex = encoded[at] === '%' ? encoded.slice(at + 1, at + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else {
      // node:http2 hands header bytes out as latin1: a server that did not encode its UTF-8 is read right, too.
      bytes.push(encoded.charCodeAt(at) & 0xff);
    }
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

/** The error of an answer whose HTTP status is not 200. */
export function httpError(httpStatus: number | undefined, endpoint: string): EtcdError {
  const [grpcStatus, code, hint] = HTTP_STATUS.get(httpStatus ?? 0) ?? [
    2,
    'protocol-error',
    "not a gRPC answer; is this etcd's client port?",
  ];
  return new EtcdError(`${endpoint} answered HTTP ${String(httpStatus ?? '(no status)')}: ${hint}`, {
    code,
    grpcStatus,
    outcome: 'unknown',
    endpoint,
  });
}

function isGrpcContentType(type: string | undefined): boolean {
  return type !== undefined && /^application\/grpc(?:$|[+;])/i.test(type);
}
