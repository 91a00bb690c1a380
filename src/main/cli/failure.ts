/** How a failure is told to whoever typed the command: one line, what to do, no stack. Pure. */
import { CompactedError, EtcdError } from '../../wire/errors.js';
import { exitCode } from './exit-code.js';
import { FLAG_WORDS, inFlagWords, type FlagWords } from './flag-words.js';

/** The line for stderr, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

const NOT_STARTED: readonly string[] = ['invalid-argument', 'connect-failed', 'hook-tool-missing'];

export function describeFailure(thrown: unknown, words: FlagWords = FLAG_WORDS): Failure {
  if (!(thrown instanceof EtcdError)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { text: `vigil: ${oneLine(message)} [internal]`, exitCode: exitCode.failed };
  }
  const hint = hintFor(thrown, words);
  const message = thrown instanceof ToldError ? thrown.message : inFlagWords(thrown.message, words);
  const text = `vigil: ${oneLine(message)}${hint === undefined ? '' : `; ${hint}`} [${thrown.code}]`;
  return { text, exitCode: NOT_STARTED.includes(thrown.code) ? exitCode.notStarted : exitCode.failed };
}

/** A failure that says by itself what to do, in the words of the command line. */
export class ToldError extends EtcdError {}

/** A mistake in the command line. */
export function usageError(message: string): EtcdError {
  return new ToldError(message, { code: 'invalid-argument', outcome: 'not-sent' });
}

function hintFor(error: EtcdError, words: FlagWords): string | undefined {
  if (error instanceof CompactedError && error.compactRevision > 0n)
    return `the oldest revision left is ${String(error.compactRevision)} (--rev ${String(error.compactRevision)})`;
  if (error instanceof ToldError) return undefined;
  if (error.code === 'connect-failed')
    return words.endpoints === FLAG_WORDS.endpoints
      ? 'is etcd running there? See --endpoints and ETCD_ENDPOINTS'
      : `is etcd running there? The endpoints are those of ${words.endpoints}`;
  return error.outcome === 'unknown' ? 'it may have been applied all the same' : undefined;
}

function oneLine(message: string): string {
  return message.trim().replace(/\s*[\r\n]+\s*/gu, ' ');
}
