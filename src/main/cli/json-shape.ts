/**
 * The JSON that commands print; its shape is documented in docs/guide/cli.md. Pure. int64 as decimal strings, since JSON's
 * numbers end at 2^53. Bytes that are UTF-8 as text, others as base64 under the same name with `Base64` after it.
 */
import { isUtf8 } from 'node:buffer';
import type { KeyValue, WatchEvent } from '../index.js';

export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[];
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** A property for bytes. */
export function bytesJson(name: string, bytes: Uint8Array): JsonObject {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? { [name]: buffer.toString('utf8') } : { [`${name}Base64`]: buffer.toString('base64') };
}

/** @param withValue false where the value was not asked for. */
export function keyValueJson(kv: KeyValue, withValue = true): JsonObject {
  return {
    ...bytesJson('key', kv.key),
    ...(withValue ? bytesJson('value', kv.value) : {}),
    createRevision: String(kv.createRevision),
    modRevision: String(kv.modRevision),
    version: String(kv.version),
    lease: String(kv.lease),
  };
}

export function eventJson(event: WatchEvent): JsonObject {
  const { type, prevKv } = event;
  const prev: JsonObject = prevKv === undefined ? {} : { prevKv: keyValueJson(prevKv) };
  if (type === 'delete') {
    return { type, ...bytesJson('key', event.key), modRevision: String(event.modRevision), ...prev };
  }
  return {
    type,
    ...bytesJson('key', event.key),
    ...bytesJson('value', event.value),
    createRevision: String(event.createRevision),
    modRevision: String(event.modRevision),
    version: String(event.version),
    lease: String(event.lease),
    ...prev,
  };
}
