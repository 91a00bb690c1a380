/**
 * The token of a shard's calls: gets one by Authenticate over the shard's own connection when there is none or the server
 * refused it, so that a blocked main thread with an expired token loses nothing. One authentication at a time; the password
 * and the token are never part of a message.
 */
import { toEtcdError, type EtcdError } from '../wire/errors.js';
import { isTokenError } from '../wire/server-errors.js';
import type { GrpcConnection, Metadata } from '../grpc/grpc-connection.js';

const AUTHENTICATE_PATH = '/etcdserverpb.Auth/Authenticate';
const AUTHENTICATE_TIMEOUT_MS = 5_000;
const NO_METADATA: Metadata = {};

/** What calls need to know of credentials. */
export interface Credentials {
  /** Headers of the next call. */
  metadata(): Metadata;
  /** Gets a token if there is none, or another one if `stale` is still the current one. Rejects when the server refuses. */
  renew(connection: GrpcConnection, stale?: Metadata): Promise<void>;
}

/** For clusters without authentication. */
export const NO_CREDENTIALS: Credentials = {
  metadata: () => NO_METADATA,
  renew: () => Promise.resolve(),
};

/** A user's name and password. */
export interface PasswordAuth {
  readonly username: string;
  readonly password: string;
}

export class PasswordCredentials implements Credentials {
  readonly #request: Uint8Array;
  #metadata: Metadata = NO_METADATA;
  #running: Promise<void> | undefined;

  constructor(auth: PasswordAuth) {
    this.#request = encodeAuthenticate(auth);
  }

  metadata(): Metadata {
    return this.#metadata;
  }

  renew(connection: GrpcConnection, stale?: Metadata): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    const hasToken = this.#metadata !== NO_METADATA;
    if (hasToken && stale !== this.#metadata) return Promise.resolve();
    this.#running = this.#authenticate(connection).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #authenticate(connection: GrpcConnection): Promise<void> {
    try {
      const answer = await connection.unary(AUTHENTICATE_PATH, this.#request, { timeoutMs: AUTHENTICATE_TIMEOUT_MS });
      this.#metadata = { token: decodeToken(answer) };
    } catch (thrown) {
      const error = toEtcdError(thrown, 'unavailable');
      if (!isAuthDisabled(error)) throw error;
    }
  }
}

/** Whether the server refused a call for its token, so that it is worth repeating after {@link Credentials.renew}. */
export function wantsToken(error: EtcdError): boolean {
  return isTokenError(error);
}

/** The cluster takes calls without a token for now. */
function isAuthDisabled(error: EtcdError): boolean {
  return error.message.includes('authentication is not enabled');
}

function encodeAuthenticate({ username, password }: PasswordAuth): Uint8Array {
  return Buffer.concat([...stringField(1, username), ...stringField(2, password)]);
}

function stringField(field: number, text: string): Uint8Array[] {
  const bytes = Buffer.from(text, 'utf8');
  const head = [(field << 3) | 2];
  let length = bytes.length;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return [Uint8Array.from(head), bytes];
}

/** AuthenticateResponse: a header (field 1) and the token (field 2), both length-delimited. */
function decodeToken(answer: Uint8Array): string {
  let at = 0;
  while (at < answer.length) {
    const tag = answer[at] ?? 0;
    at += 1;
    let length = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = answer[at] ?? 0;
      at += 1;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (tag === 0x12) return Buffer.from(answer.subarray(at, at + length)).toString('utf8');
    at += length;
  }
  return '';
}
