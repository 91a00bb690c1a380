/**
 * etcd's JSON gateway: each request is made into the message of its method, and the answer into JSON, over the same services as gRPC. Server
 * thread.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import type { Service, UnaryMethod } from '../services/service.js';
import { HttpCallContext, type ConnectionFacts } from '../transport/call-context.js';
import { deadlineExceeded, MalformedTimeout, startDeadline, timeoutMs } from '../transport/call-deadline.js';
import { failureOf } from '../transport/call-status.js';
import { Routes } from '../transport/routes.js';
import type { AnswerHeaders, WebExchange } from '../web/web-exchange.js';
import { refuseExchange } from './gateway-answer.js';
import { GATEWAY_ROUTES, type GatewayRoute } from './gateway-routes.js';
import { GatewayStream } from './gateway-stream.js';
import { JsonSyntaxError, readJson } from './json-reader.js';
import { messageFromJson } from './json-to-message.js';
import { messageToJson } from './message-to-json.js';

/** What a request came over, and what every answer has. */
export interface GatewayCall {
  readonly facts: ConnectionFacts;
  readonly headers: AnswerHeaders;
}

/** JSON is larger than its message, by a third where that is bytes; nobody needs this much. */
const BODY_FACTOR = 8;

export class Gateway {
  readonly #routes: Routes;
  readonly #maxMessageBytes: number;

  constructor(services: readonly Service[], maxMessageBytes: number) {
    this.#routes = new Routes(services);
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** @param path below `/v3/`, such as `/v3/kv/range`. */
  serve(exchange: WebExchange, path: string, { facts, headers }: GatewayCall): void {
    const refuse = (failure: RpcFailure): void => {
      if (!exchange.responded) refuseExchange(exchange, failure, headers);
    };
    const route = GATEWAY_ROUTES.get(path);
    if (route === undefined) {
      refuse(new RpcFailure(GrpcStatus.NOT_FOUND, 'Not Found'));
      return;
    }
    if (exchange.method !== 'POST') {
      refuse(new RpcFailure(GrpcStatus.UNIMPLEMENTED, 'Method Not Allowed'));
      return;
    }
    try {
      const limitMs = limitOf(exchange.headers);
      if (limitMs !== undefined && limitMs < 0) throw deadlineExceeded();
      const method = this.#routes.find(route.method);
      // As in etcd, a client certificate of the connection is nobody's name here.
      const context = new HttpCallContext(metadataOf(exchange.headers), { ...facts, certificateName: undefined });
      if (method.kind === 'unary') this.#serveUnary(exchange, { route, method, context, limitMs, headers, refuse });
      else {
        const maxBytes = this.#maxMessageBytes;
        const stream = new GatewayStream(exchange, { route, context, limitMs, headers, maxBytes });
        if (route.streamsRequests) stream.serve(method);
        else
          this.#onMessage(exchange, route, refuse, (message) => {
            stream.serveOne(method, message);
          });
      }
    } catch (thrown) {
      refuse(failureOf(thrown));
    }
  }

  #serveUnary(exchange: WebExchange, parts: UnaryParts): void {
    const { route, method, context, limitMs, headers, refuse } = parts;
    const stopDeadline = startDeadline(limitMs, (failure) => {
      refuse(failure);
      context.abort();
    });
    exchange.onClosed(() => {
      stopDeadline();
      context.abort();
    });
    this.#onMessage(exchange, route, refuse, (message) => {
      void (async () => {
        try {
          const body = messageToJson(route.response, await method.run(message, context));
          if (exchange.responded) return;
          exchange.respond(200, {
            ...headers,
            'Content-Type': 'application/json',
            'Grpc-Metadata-Content-Type': 'application/grpc',
            'Content-Length': String(Buffer.byteLength(body)),
          });
          exchange.end(body);
        } catch (thrown) {
          refuse(failureOf(thrown));
        }
      })();
    });
  }

  /** Gives the one message of the body, when that is complete. */
  #onMessage(
    exchange: WebExchange,
    { request }: GatewayRoute,
    refuse: (failure: RpcFailure) => void,
    run: (message: Uint8Array) => void,
  ): void {
    let chunks: Buffer[] = [];
    let bytes = 0;
    exchange.onBody(
      (chunk) => {
        bytes += chunk.length;
        if (bytes <= this.#maxMessageBytes * BODY_FACTOR) chunks.push(chunk);
        else chunks = [];
      },
      () => {
        try {
          if (bytes > this.#maxMessageBytes * BODY_FACTOR) throw tooLarge(bytes, this.#maxMessageBytes);
          const message = oneMessage(request, Buffer.concat(chunks).toString('utf8'));
          if (message.length > this.#maxMessageBytes) throw tooLarge(message.length, this.#maxMessageBytes);
          run(message);
        } catch (thrown) {
          refuse(failureOf(thrown));
        }
      },
    );
  }
}

interface UnaryParts {
  readonly route: GatewayRoute;
  readonly method: UnaryMethod;
  readonly context: HttpCallContext;
  readonly limitMs: number | undefined;
  readonly headers: AnswerHeaders;
  readonly refuse: (failure: RpcFailure) => void;
}

/** The first value of a body; nothing is an empty message. What follows is not looked at, as in etcd. */
function oneMessage(type: string, text: string): Uint8Array {
  try {
    const read = readJson(text);
    return read === undefined ? new Uint8Array(0) : messageFromJson(type, read.value, text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new RpcFailure(GrpcStatus.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

/** What gRPC's metadata are of a request: what its headers say behind `Grpc-Metadata-`, and who asks. */
function metadataOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { authorization, 'grpc-metadata-token': token, 'grpc-metadata-hasleader': hasleader } = headers;
  return { ...(authorization === undefined ? {} : { authorization }), token, hasleader };
}

/** A limit of 0 is none, unlike gRPC's. @throws RpcFailure for a header that cannot be read. */
function limitOf(headers: IncomingHttpHeaders): number | undefined {
  const header = headers['grpc-timeout'];
  try {
    const limitMs = timeoutMs(header);
    return limitMs === 0 ? undefined : limitMs;
  } catch (error) {
    if (error instanceof MalformedTimeout)
      throw new RpcFailure(GrpcStatus.INVALID_ARGUMENT, `invalid grpc-timeout: ${String(header)}`);
    throw error;
  }
}

function tooLarge(bytes: number, maxBytes: number): RpcFailure {
  return new RpcFailure(
    GrpcStatus.RESOURCE_EXHAUSTED,
    `grpc: received message larger than max (${bytes} vs. ${maxBytes})`,
  );
}
