/** The answers of the JSON gateway: refusals and their HTTP status. Pure. */
import { GrpcStatus } from '../../wire/server-errors.js';
import type { RpcFailure } from '../rpc-failure.js';
import type { WebExchange } from '../web/web-exchange.js';

const HTTP_STATUS: Readonly<Record<number, number>> = {
  [GrpcStatus.CANCELLED]: 499,
  [GrpcStatus.INVALID_ARGUMENT]: 400,
  [GrpcStatus.DEADLINE_EXCEEDED]: 504,
  [GrpcStatus.NOT_FOUND]: 404,
  [GrpcStatus.ALREADY_EXISTS]: 409,
  [GrpcStatus.PERMISSION_DENIED]: 403,
  [GrpcStatus.RESOURCE_EXHAUSTED]: 429,
  [GrpcStatus.FAILED_PRECONDITION]: 400,
  [GrpcStatus.ABORTED]: 409,
  [GrpcStatus.OUT_OF_RANGE]: 400,
  [GrpcStatus.UNIMPLEMENTED]: 501,
  [GrpcStatus.UNAVAILABLE]: 503,
  [GrpcStatus.UNAUTHENTICATED]: 401,
};

export function httpStatusOf({ status }: RpcFailure): number {
  return HTTP_STATUS[status] ?? 500;
}

/** `error` as the gateway of etcd's own releases has it, beside what those with the newer gateway say. */
export function failureJson({ status, message }: RpcFailure): string {
  return JSON.stringify({ error: message, code: status, message });
}

/** A refusal in a stream whose answer has begun: a line of its own. */
export function streamFailureJson(failure: RpcFailure): string {
  const { status: code, message } = failure;
  return JSON.stringify({ error: { grpc_code: code, http_code: httpStatusOf(failure), code, message } });
}

/** Refuses a request whose answer has not begun. */
export function refuseExchange(
  exchange: WebExchange,
  failure: RpcFailure,
  headers: Readonly<Record<string, string>>,
  body: string = failureJson(failure),
): void {
  exchange.respond(httpStatusOf(failure), {
    ...headers,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
  });
  exchange.end(body);
}
