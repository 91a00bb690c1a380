/**
 * Refusals as they leave etcd's lock and election services: those are clients of the server inside the server, and a
 * client's error has no status on its way out, only a text. Pure.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';

/** Runs it; a refusal becomes one of status Unknown with the same text. */
export function relabelled<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw relabel(error);
  }
}

/** The same for what takes time. */
export async function relabelledAsync<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw relabel(error);
  }
}

function relabel(error: unknown): unknown {
  return error instanceof RpcFailure ? new RpcFailure(GrpcStatus.UNKNOWN, error.message) : error;
}
