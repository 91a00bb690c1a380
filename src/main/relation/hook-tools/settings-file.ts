/**
 * What `relation-set --file -` and `state-set --file -` read: a map of strings, as JSON that Juju's YAML parser takes too. Pure.
 */
import type { DatabagChange } from '../backend.js';

/**
 * The text for stdin. A deletion is an empty string.
 *
 * YAML differs from JSON where it hurts: it refuses escaped surrogate pairs, so characters beyond U+FFFF go as they are (which
 * JSON.stringify does), and it refuses some control characters raw, so those are escaped. A lone surrogate cannot be UTF-8 and becomes U+FFFD.
 */
export function settingsFile(change: DatabagChange): string {
  const entries = Object.entries(change).map(([key, value]) => [wellFormed(key), wellFormed(value ?? '')]);
  return JSON.stringify(Object.fromEntries(entries)).replace(
    /[\u007f-\u009f\ufeff\ufffe\uffff]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
