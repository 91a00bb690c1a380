/**
 * Turns the statuses of grpc-js into errors. Most come from the server; some grpc-js makes itself, and those can be
 * told apart by their texts only. Pure; knows the texts of the grpc-js version in package.json.
 */
import { EtcdError } from '../wire/errors.js';
import { serverError } from '../wire/server-errors.js';
import { reasonInText } from './connect-reason.js';
import { connectFailed, connectionError, rstError } from './http2-errors.js';
import { httpError } from './response-status.js';

/** What grpc-js hands out: after a message that it could not decode, code and details are missing in spite of its types. */
export interface GrpcJsStatus {
  readonly code: number | undefined;
  readonly details: string | undefined;
}

/** Undefined is OK. */
export function grpcJsError(given: GrpcJsStatus, endpoint: string): EtcdError | undefined {
  const { code: status, details = '' } = given;
  if (status === 0) return undefined;
  if (status === undefined) return compressedError(endpoint);
  const refusedConnection = /^No connection established\. Last error: (.*?)(?:\. Resolution note: .*)?$/s.exec(details);
  if (refusedConnection !== null) return connectFailedText(refusedConnection[1] ?? '', endpoint);
  if (details.startsWith('Name resolution failed')) return connectFailedText(details, endpoint);
  if (status === 14 && details === 'Connection dropped') return connectionError(undefined, 'open', endpoint);
  const http = /^Received HTTP status code (\d+)$/.exec(details);
  if (http !== null) return httpError(Number(http[1]), endpoint);
  const rstCode = rstCodeOf(status, details);
  if (rstCode !== undefined) return rstError(rstCode, endpoint);
  if (/^Received message (?:that decompresses to a size )?larger than/.test(details)) {
    return new EtcdError(`${endpoint} sent a message larger than maxMessageBytes: ${details}`, {
      code: 'message-too-large',
      grpcStatus: status,
      endpoint,
    });
  }
  if (details.startsWith('Received compressed message') || details.startsWith('Received message compressed')) {
    return compressedError(endpoint);
  }
  return serverError(status, details, { endpoint });
}

function compressedError(endpoint: string): EtcdError {
  return new EtcdError(
    `${endpoint} sent a compressed message although none was asked for: switch compression off there`,
    {
      code: 'protocol-error',
      grpcStatus: 13,
      endpoint,
    },
  );
}

function connectFailedText(words: string, endpoint: string): EtcdError {
  return connectFailed(`cannot connect to ${endpoint}: ${reasonInText(words)}`, endpoint);
}

function rstCodeOf(status: number, details: string): number | undefined {
  const numbered = /^Received RST_STREAM with code (\d+)/.exec(details);
  if (numbered !== null) return Number(numbered[1]);
  if (status === 14 && details === 'Stream refused by server') return 7;
  if (status === 1 && details === 'Call cancelled') return 8;
  if (status === 8 && details === 'Bandwidth exhausted or memory limit exceeded') return 11;
  if (status === 7 && details === 'Protocol not secure enough') return 12;
  return undefined;
}
