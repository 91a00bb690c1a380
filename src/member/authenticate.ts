/**
 * The call `Authenticate`: its bytes, and what its failures mean. Pure. Neither name, password nor token is ever part of a
 * message.
 */
import { EtcdError } from '../wire/errors.js';
import { malformed, ProtoReader, WIRE_LENGTH } from '../wire/proto-reader.js';
import { ProtoWriter } from '../wire/proto-writer.js';
import { isAuthOff, isTokenError } from '../wire/server-errors.js';
import type { HeldToken, Login } from '../wire/shard-auth.js';
import { remedyFor } from './failure.js';

export const AUTHENTICATE_PATH = '/etcdserverpb.Auth/Authenticate';

export function encodeAuthenticate({ username, password }: Login): Uint8Array {
  const writer = new ProtoWriter();
  writer.bytes(1, Buffer.from(username, 'utf8'));
  writer.bytes(2, Buffer.from(password, 'utf8'));
  return writer.take();
}

/** @throws EtcdError `malformed-response`. */
export function decodeAuthenticate(bytes: Uint8Array): HeldToken {
  const reader = new ProtoReader();
  reader.reset(bytes, 0, bytes.length);
  let token = '';
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 2 * 8 + WIRE_LENGTH) token = reader.string();
    else reader.skip(tag);
  }
  if (!isToken(token)) throw malformed('a login was answered without a token');
  return { kind: 'token', token };
}

/** Whether this can be the value of a header. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/u.test(text);
}

/** What came of a login that failed. */
export type LoginFailure =
  /** Calls need no token. */
  | { readonly kind: 'unneeded' }
  /** What was logged in with is not accepted: the same again would be the same. */
  | { readonly kind: 'refused'; readonly error: EtcdError }
  /** The login could not be asked for, or not answered. */
  | { readonly kind: 'passing'; readonly error: EtcdError };

export function loginFailure(error: EtcdError): LoginFailure {
  if (isAuthOff(error)) return { kind: 'unneeded' };
  if (error.code === 'unauthenticated' && !isTokenError(error)) return { kind: 'refused', error };
  // A user without a password is refused with a status that says nothing.
  const isRefused = error.outcome === 'refused' || /^auth: authentication failed/u.test(error.message);
  const remedy = remedyFor(error);
  // A new token as the remedy: the auth revision moved while the password was compared.
  if (!isRefused || remedy === 'elsewhere' || remedy === 'later' || remedy === 'new-token')
    return { kind: 'passing', error };
  const { grpcStatus, endpoint } = error;
  const message = `the login was refused: ${error.message}`;
  const init = { code: 'unauthenticated', outcome: 'refused', grpcStatus, endpoint, cause: error } as const;
  return { kind: 'refused', error: new EtcdError(message, init) };
}

/** Why there is no other token; whatever became of the login, the call itself was refused. */
export function withoutToken(cause: EtcdError): EtcdError {
  if (cause.outcome === 'refused' || cause.outcome === 'not-sent') return cause;
  const { code, endpoint, grpcStatus } = cause;
  const retryable = code !== 'callback-failed' && code !== 'invalid-argument';
  const init = { code, endpoint, grpcStatus, outcome: 'refused', retryable, cause } as const;
  return new EtcdError(`no token could be had: ${cause.message}`, init);
}
