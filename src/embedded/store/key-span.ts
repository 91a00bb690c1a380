/**
 * A range of keys as the store reads it: texts, from an inclusive start to an exclusive end. Pure. etcd's rule: an empty
 * range end is the key alone, one zero byte is "to the end of the keyspace".
 */
import { keyTextOf } from './stored-value.js';

/** One key, or all keys from `from` up to `to` (to the end where there is none). */
export type KeySpan =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'range'; readonly from: string; readonly to?: string };

/** The span of a request's key and range end. */
export function keySpan(key: Uint8Array, rangeEnd: Uint8Array): KeySpan {
  const from = keyTextOf(key);
  if (rangeEnd.length === 0) return { kind: 'key', key: from };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { kind: 'range', from };
  return { kind: 'range', from, to: keyTextOf(rangeEnd) };
}

/** Whether a key lies in a span. */
export function spanHas(span: KeySpan, key: string): boolean {
  if (span.kind === 'key') return span.key === key;
  return key >= span.from && (span.to === undefined || key < span.to);
}
