/**
 * One version of one key, as the store keeps it and hands it to everybody. Pure. Nobody may change one, nor its bytes.
 */
import type { mvccpb } from '../../generated/etcd.js';
import { longFromId, longFromNumber } from '../long.js';

/** A version of a key. Version 0 is its deletion: then only the key and `modRevision` mean something. */
export interface StoredValue {
  readonly key: Uint8Array;
  /** The key's bytes as latin1 text: what maps are keyed by; such texts compare as the bytes do. */
  readonly keyText: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n: none. */
  readonly lease: bigint;
}

/** The key's bytes as latin1 text. */
export function keyTextOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** The bytes of a key's text. */
export function keyOf(keyText: string): Uint8Array {
  return Buffer.from(keyText, 'latin1');
}

/** The message of a value that is not a deletion. */
export function keyValueMessage(stored: StoredValue, keysOnly = false): mvccpb.KeyValue.$Properties {
  const message: mvccpb.KeyValue.$Properties = {
    key: stored.key,
    createRevision: longFromNumber(stored.createRevision),
    modRevision: longFromNumber(stored.modRevision),
    version: longFromNumber(stored.version),
  };
  if (!keysOnly && stored.value.length > 0) message.value = stored.value;
  if (stored.lease !== 0n) message.lease = longFromId(stored.lease);
  return message;
}
