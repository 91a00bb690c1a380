/** How a failure is told to whoever typed the command: one line, what to do, no stack. Pure. */
import { CompactedError, EtcdError } from '../../wire/errors.js';
import { exitCode } from './exit-code.js';

/** The line for stderr, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

export function describeFailure(thrown: unknown): Failure {
  if (!(thrown instanceof EtcdError)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { text: `vigil: ${message} [internal]`, exitCode: exitCode.failed };
  }
  const hint = hintFor(thrown);
  const text = `vigil: ${thrown.message}${hint === undefined ? '' : `; ${hint}`} [${thrown.code}]`;
  const notStarted = ['invalid-argument', 'connect-failed', 'hook-tool-missing'].includes(thrown.code);
  return { text, exitCode: notStarted ? exitCode.notStarted : exitCode.failed };
}

/** A failure that says what to do by itself: no hint is added. */
export class ToldError extends EtcdError {}

/** A mistake in the command line; told like one that the library found. */
export function usageError(message: string): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent' });
}

function hintFor(error: EtcdError): string | undefined {
  if (error instanceof CompactedError && error.compactRevision > 0n)
    return `the oldest revision left is ${String(error.compactRevision)} (--rev ${String(error.compactRevision)})`;
  if (error instanceof ToldError) return undefined;
  if (error.code === 'connect-failed') return 'is etcd running there? See --endpoints and ETCD_ENDPOINTS';
  return error.outcome === 'unknown' ? 'it may have been applied all the same' : undefined;
}
