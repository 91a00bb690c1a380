/**
 * Fernet tokens (AES-128-CBC with HMAC-SHA256), as etcd_client carries a certificate from one Juju model to another: secrets do
 * not cross in that direction. Main thread; pure, randomness and time are passed in. Never tells what is wrong with a token.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

const VERSION = 0x80;
const KEY_BYTES = 32;
const HEAD_BYTES = 25; // version, seconds, initialisation vector
const MAC_BYTES = 32;
const BLOCK_BYTES = 16;

/** What is random or passing in a token. */
export interface FernetSeed {
  readonly iv: Uint8Array;
  readonly timeSeconds: bigint;
}

/** The text of a key: 32 random bytes in base64url. */
export function fernetKey(random: Uint8Array): string {
  return padded(Buffer.from(random));
}

/** A token of `text`; `undefined` if the key is none. */
export function fernetEncrypt(key: string, text: string, seed: FernetSeed): string | undefined {
  const keys = keysOf(key);
  if (keys === undefined) return undefined;
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION);
  head.writeBigUInt64BE(seed.timeSeconds, 1);
  head.set(seed.iv, 9);
  const cipher = createCipheriv('aes-128-cbc', keys.encryption, seed.iv);
  const body = Buffer.concat([head, cipher.update(text, 'utf8'), cipher.final()]);
  return padded(Buffer.concat([body, mac(keys.signing, body)]));
}

/** The text in a token; `undefined` if it is none of this key's. A token never gets too old. */
export function fernetDecrypt(key: string, token: string): string | undefined {
  const keys = keysOf(key);
  const bytes = Buffer.from(token, 'base64url');
  if (keys === undefined || bytes.length < HEAD_BYTES + BLOCK_BYTES + MAC_BYTES || bytes[0] !== VERSION)
    return undefined;
  const body = bytes.subarray(0, -MAC_BYTES);
  if (!timingSafeEqual(mac(keys.signing, body), bytes.subarray(-MAC_BYTES))) return undefined;
  try {
    const decipher = createDecipheriv('aes-128-cbc', keys.encryption, body.subarray(9, HEAD_BYTES));
    return Buffer.concat([decipher.update(body.subarray(HEAD_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function keysOf(key: string): { readonly signing: Uint8Array; readonly encryption: Uint8Array } | undefined {
  const bytes = Buffer.from(key, 'base64url');
  if (bytes.length !== KEY_BYTES) return undefined;
  return { signing: bytes.subarray(0, KEY_BYTES / 2), encryption: bytes.subarray(KEY_BYTES / 2) };
}

function mac(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest();
}

/** base64url with the padding that Python's base64 asks for. */
function padded(bytes: Buffer): string {
  const text = bytes.toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
