/** What `vigil serve --data` means. Pure, but for the reader of files that it is given. */
import { usageError } from './failure.js';
import { wholeText } from './whole-text.js';

/**
 * Pairs of keys and values, in the order given. A text with `=` is a pair, the key before the first one; any other is a JSON
 * file with an object of texts. A later pair of the same key counts.
 *
 * @throws EtcdError `invalid-argument` that names the option, never a key or value.
 */
export function initialData(
  given: readonly string[],
  readText: (file: string, option: string) => string,
): ReadonlyMap<string, string> {
  const data = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    if (at === 0) throw usageError('--data: a key must not be empty');
    if (at > 0) wholeText(text, '--data');
    if (at > 0) data.set(text.slice(0, at), text.slice(at + 1));
    else for (const [key, value] of pairsOf(readText(text, '--data'), text)) data.set(key, value);
  }
  return data;
}

function pairsOf(json: string, file: string): [string, string][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    // The parser's message quotes what it read.
    parsed = undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw notTexts(file);
  return Object.entries(parsed).map(([key, value]: [string, unknown]) => {
    if (key === '' || typeof value !== 'string') throw notTexts(file);
    return [key, value];
  });
}

function notTexts(file: string): Error {
  return usageError(`--data: ${file} must be a JSON file such as {"key": "value"}: an object of texts, no empty key`);
}
