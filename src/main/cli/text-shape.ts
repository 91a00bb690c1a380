/**
 * Keys and values as text for people. Pure. Always one line, and never a control character: a stored value must not be able
 * to move the cursor of the terminal that shows it.
 */
import { isUtf8 } from 'node:buffer';
import type { WatchEvent } from '../index.js';

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Printable text; a backslash begins an escape: `\n`, `\t`, `\\`, `\x00`. */
export function printable(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isUtf8(buffer)) return buffer.toString('latin1').replace(/[^\x20-\x5b\x5d-\x7e]/g, escapeBytes);
  // Controls (C0, DEL, C1), separators of lines, and marks that turn the direction of writing.
  return buffer.toString('utf8').replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\\]/gu, escapeBytes);
}

/** `revision<TAB>put<TAB>key<TAB>value`; a previous value follows in parentheses. */
export function eventText(event: WatchEvent): string {
  const fields = [String(event.modRevision), event.type, printable(event.key)];
  if (event.type === 'put') fields.push(printable(event.value));
  const { prevKv } = event;
  if (prevKv !== undefined) fields.push(`(was ${printable(prevKv.value)})`);
  return fields.join('\t');
}

function escapeBytes(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
