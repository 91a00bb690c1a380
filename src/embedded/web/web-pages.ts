/**
 * What the server answers to HTTP requests that are not gRPC's: `/health`, `/version` and the like, as etcd 3.5 has them, and the JSON
 * gateway under `/v3/`. Server thread.
 */
import type { Gateway } from '../gateway/gateway.js';
import { CLUSTER_VERSION, SERVER_VERSION } from '../maintenance/downgrade.js';
import type { ConnectionFacts } from '../transport/call-context.js';
import type { WebExchange } from './web-exchange.js';

/** What `/health` is about. */
export interface HealthFacts {
  /** The names of the alarms that are up. */
  alarms(): readonly string[];
  hasLeader(): boolean;
}

/** Anybody's pages may ask, by default of etcd's. */
const CORS = {
  'Access-Control-Allow-Headers': 'accept, content-type, authorization',
  'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
  'Access-Control-Allow-Origin': '*',
};
const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8' };
const PLAIN_ERROR = { ...PLAIN, 'X-Content-Type-Options': 'nosniff' };

export class WebPages {
  readonly #gateway: Gateway;
  readonly #health: HealthFacts;

  constructor(gateway: Gateway, health: HealthFacts) {
    this.#gateway = gateway;
    this.#health = health;
  }

  serve(exchange: WebExchange, facts: ConnectionFacts): void {
    if (exchange.method === 'OPTIONS') {
      answer(exchange, 200, {}, '');
      return;
    }
    const path = exchange.path.replace(/^\/v3beta\//u, '/v3/');
    if (path.startsWith('/v3/')) {
      this.#gateway.serve(exchange, path, { facts, headers: CORS });
      return;
    }
    switch (path) {
      case '/health':
        if (isGet(exchange)) this.#serveHealth(exchange);
        return;
      case '/livez':
      case '/readyz':
        if (isGet(exchange)) this.#serveProbe(exchange);
        return;
      case '/version':
        if (isGet(exchange)) {
          const versions = { etcdserver: SERVER_VERSION, etcdcluster: CLUSTER_VERSION };
          answer(exchange, 200, { 'Content-Type': 'application/json' }, JSON.stringify(versions));
        }
        return;
      default:
        answer(exchange, 404, PLAIN_ERROR, '404 page not found\n');
    }
  }

  #serveHealth(exchange: WebExchange): void {
    const excluded = exchange.query.getAll('exclude');
    const alarm = this.#health.alarms().find((name) => !excluded.includes(name));
    const reason = alarm === undefined ? (this.#health.hasLeader() ? '' : 'RAFT NO LEADER') : `ALARM ${alarm}`;
    const body = JSON.stringify({ health: String(reason === ''), reason });
    if (reason === '') answer(exchange, 200, PLAIN, body);
    else answer(exchange, 503, PLAIN_ERROR, `${body}\n`);
  }

  /** One answer for both: there is no data that could be corrupt, nor a disk. */
  #serveProbe(exchange: WebExchange): void {
    if (this.#health.hasLeader() || exchange.path === '/livez') answer(exchange, 200, PLAIN_ERROR, 'ok\n');
    else answer(exchange, 503, PLAIN_ERROR, '[-]read_index failed\n');
  }
}

/** Otherwise answered already. */
function isGet(exchange: WebExchange): boolean {
  if (exchange.method === 'GET') return true;
  answer(exchange, 405, { ...PLAIN_ERROR, Allow: 'GET' }, 'Method Not Allowed\n');
  return false;
}

function answer(exchange: WebExchange, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  exchange.respond(status, { ...CORS, ...headers, 'Content-Length': String(Buffer.byteLength(body)) });
  exchange.end(body);
}
