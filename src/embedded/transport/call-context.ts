/**
 * What handlers are told of a call, read from its headers when somebody asks. Server thread.
 */
import type { IncomingHttpHeaders } from 'node:http2';
import type { CallContext, ClientConnection } from '../services/service.js';

/** What all calls of a connection share. */
export interface ConnectionFacts {
  readonly endpoint: string;
  readonly certificateName: string | undefined;
  readonly connection: ClientConnection;
}

/** The context of one call. */
export class HttpCallContext implements CallContext {
  readonly #headers: IncomingHttpHeaders;
  readonly #facts: ConnectionFacts;
  /** Made when asked for: most calls are answered before anybody could. */
  #abort: AbortController | undefined;
  #over = false;

  constructor(headers: IncomingHttpHeaders, facts: ConnectionFacts) {
    this.#headers = headers;
    this.#facts = facts;
  }

  get token(): string | undefined {
    return textOf(this.#headers['token']) ?? this.#headers.authorization;
  }

  get hasLeader(): boolean {
    return textOf(this.#headers['hasleader']) === 'true';
  }

  get certificateName(): string | undefined {
    return this.#facts.certificateName;
  }

  get endpoint(): string {
    return this.#facts.endpoint;
  }

  get connection(): ClientConnection {
    return this.#facts.connection;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#over) this.#abort.abort();
    return this.#abort.signal;
  }

  /** The call ended before its answer. */
  abort(): void {
    this.#over = true;
    this.#abort?.abort();
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
