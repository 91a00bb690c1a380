/** Files that the command line names. */
import { readFileSync } from 'node:fs';
import { usageError } from './failure.js';

/**
 * @param option as it was given, for the message: `--cert`.
 * @throws EtcdError `invalid-argument` that names option and file.
 */
export function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw usageError(`${option}: the file ${file} cannot be read (${why})`);
  }
}
