/** Why a shard is no more, in words. Pure. */
import { EtcdError } from '../wire/errors.js';

/** Its task is over, by this error or none. */
export function endError(cause: unknown): EtcdError {
  if (cause === undefined) return new EtcdError('the worker ended without being told to', { code: 'internal' });
  const message = cause instanceof Error ? cause.message : String(cause);
  return new EtcdError(`the worker crashed: ${message}`, { code: 'internal', cause });
}

/** It became ready too late, or not at all. */
export function notReady(limitMs: number): EtcdError {
  return new EtcdError(`the worker was not ready within ${String(limitMs)} ms`, { code: 'internal' });
}

export function unreadable(): EtcdError {
  return new EtcdError('a message of the worker could not be read', { code: 'internal' });
}

/** No other is started. */
export function failedForGood(shard: number, cause: EtcdError): EtcdError {
  const message = `shard ${String(shard)} failed for good: ${cause.message}`;
  return new EtcdError(message, { code: 'shard-failed', cause });
}
