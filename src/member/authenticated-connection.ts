/**
 * A connection whose unary calls carry the token of its thread, and are repeated at once with another when the server refuses
 * that: a call refused for its token was not run, so that is safe for writes, too. Streams carry what their owner gives them,
 * because the server judges by it for as long as they are open, and their owner has to know it.
 */
import type { GrpcConnection, GrpcStream, OpenConnection } from '../grpc/grpc-connection.js';
import type { Metadata, StreamHandlers, UnaryOptions } from '../grpc/grpc-connection.js';
import type { Endpoint } from '../wire/connection-settings.js';
import { EtcdError, toEtcdError } from '../wire/errors.js';
import { isTokenError } from '../wire/server-errors.js';
import { performanceNow } from '../wire/timers.js';
import { AUTHENTICATE_PATH, withoutToken } from './authenticate.js';
import type { Timers } from './timers.js';
import type { TokenSource } from './token-source.js';

/** The same way to connections, which become ready when there is a token as well. */
export function withTokens(open: OpenConnection, tokens: TokenSource, timers: Timers): OpenConnection {
  return (endpoint, settings, handlers) =>
    new AuthenticatedConnection(open(endpoint, settings, handlers), tokens, timers);
}

class AuthenticatedConnection implements GrpcConnection {
  readonly endpoint: Endpoint;
  readonly #inner: GrpcConnection;
  readonly #tokens: TokenSource;
  readonly #timers: Timers;

  constructor(inner: GrpcConnection, tokens: TokenSource, timers: Timers) {
    this.endpoint = inner.endpoint;
    this.#inner = inner;
    this.#tokens = tokens;
    this.#timers = timers;
  }

  get freeStreams(): number {
    return this.#inner.freeStreams;
  }

  get acceptsStreams(): boolean {
    return this.#inner.acceptsStreams;
  }

  ready(): Promise<void> {
    const ready = this.#inner.ready();
    return this.#tokens.isUsed ? ready.then(() => this.#tokens.ready(this.#inner)) : ready;
  }

  openStream(path: string, handlers: StreamHandlers, metadata?: Metadata): GrpcStream {
    return this.#inner.openStream(path, handlers, metadata);
  }

  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const isPlain = !this.#tokens.isUsed || path === AUTHENTICATE_PATH;
    return isPlain ? this.#inner.unary(path, request, options) : this.#unary(path, request, options);
  }

  hold(): void {
    this.#inner.hold();
  }

  release(): void {
    this.#inner.release();
  }

  close(): void {
    this.#inner.close();
  }

  async #unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const endMs = performanceNow() + options.timeoutMs;
    const refused = new Set<string | undefined>();
    let { timeoutMs } = options;
    for (;;) {
      const headers = this.#tokens.headers();
      try {
        const metadata = { ...options.metadata, ...headers };
        return await this.#inner.unary(path, request, { timeoutMs, metadata });
      } catch (thrown) {
        const error = toEtcdError(thrown, 'unavailable');
        if (!isTokenError(error) || refused.has(headers['token'])) throw error;
        refused.add(headers['token']);
        await this.#nextToken(headers, endMs - performanceNow(), error);
        timeoutMs = Math.max(1, Math.ceil(endMs - performanceNow()));
      }
    }
  }

  /** Waits for another token, no longer than the call has time: then `refusal` says why it came to nothing. */
  #nextToken(headers: Metadata, leftMs: number, refusal: EtcdError): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#timers.set(() => {
        const { text: endpoint } = this.endpoint;
        const init = { code: 'timeout', outcome: 'refused', retryable: true, endpoint, cause: refusal } as const;
        reject(new EtcdError(`no other token came in time: ${refusal.message}`, init));
      }, leftMs);
      this.#tokens.refused(headers, this.#inner).then(
        () => {
          this.#timers.clear(timer);
          resolve();
        },
        (cause: unknown) => {
          this.#timers.clear(timer);
          reject(withoutToken(toEtcdError(cause, 'unavailable')));
        },
      );
    });
  }
}
