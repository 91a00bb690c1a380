/** Ties an AbortSignal to an action until one of both is over. Main thread. */
import { EtcdError } from '../wire/errors.js';

/**
 * Runs `action` when the signal fires; the function it gives ends that. A signal that has fired already is refused.
 *
 * @throws EtcdError `aborted`.
 */
export function linkAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal === undefined) return () => undefined;
  refuseAborted(signal);
  signal.addEventListener('abort', action, { once: true });
  return () => signal.removeEventListener('abort', action);
}

/** @throws EtcdError `aborted` when the signal has fired. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

export function abortedError(signal: AbortSignal): EtcdError {
  return new EtcdError('the signal has fired', { code: 'aborted', outcome: 'not-sent', cause: signal.reason });
}
