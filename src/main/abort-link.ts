/**
 * Ties an AbortSignal to an action until one of both is over. Main thread. A signal has one listener of ours however many
 * actions hang on it: thousands of watches and calls may share one, node warns of more than ten listeners, and taking one of
 * many off an event target walks all of them.
 */
import { EtcdError } from '../wire/errors.js';

interface Hook {
  readonly action: () => void;
}

/** The actions of each signal that has some. */
const hooked = new WeakMap<AbortSignal, Set<Hook>>();

/**
 * Runs `action` (which must not throw) when the signal fires; the function it gives ends that. A signal that has fired already is refused.
 *
 * @throws EtcdError `aborted`.
 */
export function linkAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal === undefined) return () => undefined;
  refuseAborted(signal);
  let hooks = hooked.get(signal);
  if (hooks === undefined) {
    hooks = new Set();
    hooked.set(signal, hooks);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  const hook: Hook = { action };
  hooks.add(hook);
  return () => unhook(signal, hook);
}

function onAbort(this: AbortSignal): void {
  // An action may end others of the same signal: those are gone from the set before their turn.
  for (const { action } of hooked.get(this) ?? []) action();
  hooked.delete(this);
}

function unhook(signal: AbortSignal, hook: Hook): void {
  const hooks = hooked.get(signal);
  if (hooks?.delete(hook) !== true || hooks.size > 0) return;
  hooked.delete(signal);
  signal.removeEventListener('abort', onAbort);
}

/** @throws EtcdError `aborted` when the signal has fired. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

export function abortedError(signal: AbortSignal): EtcdError {
  return new EtcdError('the signal has fired', { code: 'aborted', outcome: 'not-sent', cause: signal.reason });
}
