/**
 * The simple tokens of a server: random texts that stand for a user until they have not been used for their time to live.
 * Server thread. Tokens are secrets: they appear in no message and no log.
 */
import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.js';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const PREFIX_LENGTH = 16;

/** etcd's default of `--auth-token-ttl`. */
export const TOKEN_TTL_MS = 300_000;

/** Whom a token stands for. */
export interface TokenHolder {
  readonly name: string;
  /** The auth revision that the token is held to; undefined, as etcd's simple tokens are, for the current one. */
  readonly revision: number | undefined;
}

interface Entry {
  readonly name: string;
  revision: number | undefined;
  expiresMs: number;
}

export class TokenTable {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #entries = new Map<string, Entry>();
  #sweepMs = 0;

  constructor(clock: Clock, ttlMs: number = TOKEN_TTL_MS) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** @param index of the login among the server's proposals: etcd puts it behind the random letters. */
  issue(name: string, index: number): string {
    this.#sweep();
    const letters = Array.from({ length: PREFIX_LENGTH }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('');
    const token = `${letters}.${index}`;
    this.#entries.set(token, { name, revision: undefined, expiresMs: this.#clock.nowMs() + this.#ttlMs });
    return token;
  }

  /** Whose token it is; its time starts again. */
  use(token: string): TokenHolder | undefined {
    const entry = this.#entries.get(token);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    if (nowMs > entry.expiresMs) {
      this.#entries.delete(token);
      return undefined;
    }
    entry.expiresMs = nowMs + this.#ttlMs;
    return entry;
  }

  /** The user is gone, or has another password. */
  dropUser(name: string): void {
    for (const [token, entry] of this.#entries) if (entry.name === name) this.#entries.delete(token);
  }

  dropAll(): void {
    this.#entries.clear();
  }

  /** Holds every token issued so far to this revision, as etcd's JWT tokens are to that of their login. */
  holdTo(revision: number): void {
    for (const entry of this.#entries.values()) entry.revision ??= revision;
  }

  /** Tokens that nobody uses are forgotten, once a time to live. */
  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#sweepMs) return;
    this.#sweepMs = nowMs + this.#ttlMs;
    for (const [token, { expiresMs }] of this.#entries) if (nowMs > expiresMs) this.#entries.delete(token);
  }
}
