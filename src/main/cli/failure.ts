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

/** @param subject what failed, where there are several; told where the message does not name it. */
export function describeFailure(thrown: unknown, words: FlagWords = FLAG_WORDS, subject?: string): Failure {
  if (!(thrown instanceof EtcdError)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { text: `vigil: ${oneLine(message)} [internal]`, exitCode: exitCode.failed };
  }
  const hint = hintFor(thrown, words);
  const said = thrown instanceof ToldError ? thrown.message : inFlagWords(thrown.message, words);
  const message = subject === undefined || said.includes(subject) ? said : `${subject}: ${said}`;
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
    return error.message.includes(String(error.compactRevision))
      ? `give --rev ${String(error.compactRevision)} or later`
      : `the oldest revision left is ${String(error.compactRevision)} (--rev ${String(error.compactRevision)})`;
  if (error instanceof ToldError) return undefined;
  if (error.code === 'connect-failed') {
    const isRunning = mayBeTls(error) ? 'is etcd running there, or is it https://?' : 'is etcd running there?';
    return words.endpoints === FLAG_WORDS.endpoints
      ? `${isRunning} See ${words.whereEndpoints}`
      : `${isRunning} The endpoints are those of ${words.endpoints}`;
  }
  return error.outcome === 'unknown' ? 'it may have been applied all the same' : undefined;
}

/** A connection that opened and was then broken off, as the library says: so does a port that expects TLS. */
function mayBeTls({ message }: EtcdError): boolean {
  return /is http:\/\/ or https:\/\/ right\?/u.test(message);
}

function oneLine(message: string): string {
  return message.trim().replace(/\s*[\r\n]+\s*/gu, ' ');
}
