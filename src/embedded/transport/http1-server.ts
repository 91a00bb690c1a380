/** Serves connections that speak HTTP/1. Server thread. */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { exchangeOf } from '../web/web-exchange.js';
import type { WebPages } from '../web/web-pages.js';
import type { ConnectionFacts } from './call-context.js';

export class Http1Server {
  readonly #server: Server;
  readonly #facts = new WeakMap<Socket, ConnectionFacts>();

  constructor(pages: WebPages) {
    // As etcd: a connection may be idle for as long as its client likes. This server never listens: it is given its connections.
    const limits = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 };
    this.#server = createServer(limits, (request, response) => {
      const facts = this.#facts.get(request.socket);
      if (facts !== undefined) pages.serve(exchangeOf(request, response), facts);
    });
  }

  /** Takes a connection over. */
  serve(socket: Socket, facts: ConnectionFacts): void {
    this.#facts.set(socket, facts);
    this.#server.emit('connection', socket);
  }
}
