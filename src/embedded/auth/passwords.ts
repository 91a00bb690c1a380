/**
 * Passwords as the auth store keeps them: salted and hashed off the thread. etcd uses bcrypt at a cost of its own; here a
 * password only has to survive a look at a heap dump, and a login should cost little. Never logged, never given out.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { RpcFailure } from '../rpc-failure.js';
import { GrpcStatus } from '../../wire/server-errors.js';

/** What is kept of a password. `opaque`: given as a hash, of a kind that no password is compared with here. */
export type PasswordHash =
  { readonly kind: 'scrypt'; readonly salt: Buffer; readonly hash: Buffer } | { readonly kind: 'opaque' };

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 1 MiB and some 3 ms. */
const COST = { N: 1024, r: 8, p: 1 } as const;
/** bcrypt's limit, and so etcd's. */
const LONGEST_BYTES = 72;

/** @throws RpcFailure for a password that etcd could not keep either. */
export async function hashPassword(password: string): Promise<PasswordHash> {
  if (Buffer.byteLength(password) > LONGEST_BYTES)
    throw new RpcFailure(GrpcStatus.UNKNOWN, 'bcrypt: password length exceeds 72 bytes');
  const salt = randomBytes(SALT_BYTES);
  return { kind: 'scrypt', salt, hash: await derive(password, salt) };
}

/** Takes as long for an opaque hash as for a wrong password. */
export async function matchesPassword(kept: PasswordHash, password: string): Promise<boolean> {
  const { salt, hash } =
    kept.kind === 'scrypt' ? kept : { salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };
  return timingSafeEqual(await derive(password, salt), hash);
}

/** A hash as a client gives it, in base64: kept, though nothing matches it. Undefined for what is not base64. */
export function opaqueHash(base64: string): PasswordHash | undefined {
  const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  // Go's decoder passes over line breaks.
  return strict.test(base64.replace(/[\r\n]/g, '')) ? { kind: 'opaque' } : undefined;
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, COST, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
