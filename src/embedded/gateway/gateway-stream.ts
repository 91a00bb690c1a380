/**
 * A streaming call over the JSON gateway: requests are the values of the body, one after another, and each answer is a line
 * `{"result":…}`. Server thread.
 */
import { StringDecoder } from 'node:string_decoder';
import type { RpcFailure } from '../rpc-failure.js';
import type { StreamCall, StreamMethod } from '../services/service.js';
import type { HttpCallContext } from '../transport/call-context.js';
import { startDeadline } from '../transport/call-deadline.js';
import { failureOf } from '../transport/call-status.js';
import type { AnswerHeaders, WebExchange } from '../web/web-exchange.js';
import { refuseExchange, streamFailureJson } from './gateway-answer.js';
import type { GatewayRoute } from './gateway-routes.js';
import { JsonIncomplete, JsonSyntaxError, readJson } from './json-reader.js';
import { messageFromJson } from './json-to-message.js';
import { messageToJson } from './message-to-json.js';

export interface GatewayStreamParts {
  readonly route: GatewayRoute;
  readonly context: HttpCallContext;
  readonly limitMs: number | undefined;
  readonly headers: AnswerHeaders;
  /** Of one request; a longer body without a value in it ends the requests. */
  readonly maxBytes: number;
}

const NOTHING = (): void => undefined;

export class GatewayStream implements StreamCall<Uint8Array, Uint8Array> {
  readonly context: HttpCallContext;
  readonly #exchange: WebExchange;
  readonly #parts: GatewayStreamParts;
  readonly #stopDeadline: () => void;
  readonly #decoder = new StringDecoder('utf8');
  #state: 'open' | 'closed' = 'open';
  #requestsEnded = false;
  #unread = '';
  #requestRun: (request: Uint8Array) => void = NOTHING;
  #halfCloseRun: () => void = NOTHING;
  #closedRun: () => void = NOTHING;
  #drainRun: () => void = NOTHING;

  constructor(exchange: WebExchange, parts: GatewayStreamParts) {
    this.context = parts.context;
    this.#exchange = exchange;
    this.#parts = parts;
    this.#stopDeadline = startDeadline(parts.limitMs, (failure) => {
      this.end(failure);
    });
    exchange.onClosed(() => {
      this.#close();
    });
    exchange.onDrain(() => {
      this.#guarded(this.#drainRun);
    });
  }

  /** A method to which the client streams. */
  serve(method: StreamMethod): void {
    this.#guarded(() => {
      method.open(this);
    });
    this.#exchange.onBody(
      (chunk) => {
        this.#guarded(() => {
          this.#read(this.#decoder.write(chunk));
        });
      },
      () => {
        this.#guarded(() => {
          this.#endRequests();
        });
      },
    );
  }

  /** A method with one request. */
  serveOne(method: StreamMethod, request: Uint8Array): void {
    this.#guarded(() => {
      method.open(this);
      this.#requestRun(request);
      this.#endRequests();
    });
  }

  onRequest(run: (request: Uint8Array) => void): void {
    this.#requestRun = run;
  }

  onHalfClose(run: () => void): void {
    this.#halfCloseRun = run;
  }

  onClosed(run: () => void): void {
    this.#closedRun = run;
  }

  onDrain(run: () => void): void {
    this.#drainRun = run;
  }

  pauseRequests(): void {
    this.#exchange.pauseBody();
  }

  resumeRequests(): void {
    this.#exchange.resumeBody();
  }

  write(message: Uint8Array): boolean {
    return this.writeEncoded(message);
  }

  writeEncoded(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    this.#respond();
    return this.#exchange.write(`{"result":${messageToJson(this.#parts.route.response, bytes)}}\n`);
  }

  end(failure?: RpcFailure): void {
    if (this.#state !== 'open') return;
    if (failure === undefined) {
      this.#respond();
      this.#exchange.end();
    } else if (this.#exchange.responded) this.#exchange.end(`${streamFailureJson(failure)}\n`);
    else refuseExchange(this.#exchange, failure, this.#parts.headers, `${streamFailureJson(failure)}\n`);
    this.#close();
  }

  cut(): void {
    this.#exchange.cut();
    this.#close();
  }

  /** With the first message: until then the client waits. */
  #respond(): void {
    if (this.#exchange.responded) return;
    this.#exchange.respond(200, {
      ...this.#parts.headers,
      'Content-Type': 'application/json',
      'Grpc-Metadata-Content-Type': 'application/grpc',
    });
  }

  #read(text: string): void {
    if (this.#requestsEnded) return;
    this.#unread += text;
    try {
      for (;;) {
        const read = readJson(this.#unread);
        if (read === undefined || this.#state !== 'open') return;
        const message = messageFromJson(this.#parts.route.request, read.value, this.#unread);
        this.#unread = this.#unread.slice(read.end);
        this.#requestRun(message);
      }
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      // What is no request ends them, as etcd has it; the answers go on.
      if (!(error instanceof JsonIncomplete) || this.#unread.length > this.#parts.maxBytes * 2) this.#endRequests();
    }
  }

  #endRequests(): void {
    if (this.#requestsEnded) return;
    this.#requestsEnded = true;
    this.#unread = '';
    this.#halfCloseRun();
  }

  /** What a callback of the handler throws ends the call, and nothing else. */
  #guarded(run: () => void): void {
    if (this.#state !== 'open') return;
    try {
      run();
    } catch (thrown) {
      this.end(failureOf(thrown));
    }
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stopDeadline();
    this.context.abort();
    this.#closedRun();
  }
}
