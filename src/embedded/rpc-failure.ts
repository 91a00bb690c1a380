/**
 * How the embedded server refuses a call: a gRPC status and etcd's text for it. Server thread; pure. Anything else that a
 * handler throws is a defect and reaches the client as Internal.
 */
import { EtcdError } from '../wire/errors.js';
import { ERROR_TEXTS, type ErrorName } from './error-texts.js';

/** A refusal with the status and text that a client sees. */
export class RpcFailure extends EtcdError {
  override readonly name = 'RpcFailure';
  /** gRPC status number. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(text, { code: 'server-error', grpcStatus: status, outcome: 'refused' });
    this.status = status;
  }
}

/** One of etcd's own refusals, by its name in {@link ERROR_TEXTS}. */
export function failure(name: ErrorName): RpcFailure {
  const { status, text } = ERROR_TEXTS[name];
  return new RpcFailure(status, text);
}
