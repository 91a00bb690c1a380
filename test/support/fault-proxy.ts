/**
 * A TCP proxy on loopback in front of one etcd member, for faults between client and server: cut, refused, half-open, held,
 * slow and delayed connections, and cuts exactly before or after a chosen gRPC message of the server. Runs on the test's thread.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FaultLane } from './fault-lane.js';
import { GrpcTap, type SeenMessage } from './grpc-tap.js';
import { freePorts } from './ports.js';

export type { SeenMessage } from './grpc-tap.js';

/** How long a gently cut connection may take to be closed by the client. */
const CUT_LINGER_MS = 1_000;

export type Direction = 'to-server' | 'to-client' | 'both';

interface ArmedCut {
  readonly matches: (message: SeenMessage) => boolean;
  readonly verdict: 'cut-before' | 'cut-after';
  left: number;
  readonly resolve: (message: SeenMessage) => void;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly toServer: FaultLane;
  readonly toClient: FaultLane;
}

export interface ProxyCounters {
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections that were reset on arrival by {@link FaultProxy.resetNew}. */
  readonly reset: number;
  readonly open: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
}

export class FaultProxy {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  readonly #links = new Set<Link>();
  readonly #observers = new Set<(message: SeenMessage) => void>();
  #armed: ArmedCut[] = [];
  #targetPort: number;
  #listener: Server | undefined;
  #resetNew = false;
  #swallowed: Direction | undefined;
  #held: Direction | undefined;
  #delayMs = 0;
  #bytesPerSecond = 0;
  #accepted = 0;
  #reset = 0;
  #bytesToServer = 0;
  #bytesToClient = 0;

  private constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
    this.address = `127.0.0.1:${String(port)}`;
    this.endpoint = `http://${this.address}`;
  }

  /** Listens on a free port and forwards to `target.port` on loopback. */
  static async start(target: { readonly port: number }): Promise<FaultProxy> {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0] = await freePorts(1);
      const proxy = new FaultProxy(port, target.port);
      try {
        await proxy.#listen();
        return proxy;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  get counters(): ProxyCounters {
    return {
      accepted: this.#accepted,
      reset: this.#reset,
      open: this.#links.size,
      bytesToServer: this.#bytesToServer,
      bytesToClient: this.#bytesToClient,
    };
  }

  /** New connections go to another server; open ones stay where they are. */
  retarget(target: { readonly port: number }): void {
    this.#targetPort = target.port;
  }

  /** Resets all connections (RST). New ones are accepted as before. */
  cut(): void {
    for (const link of [...this.#links]) this.#destroy(link, true);
  }

  /** Stops listening: connects fail with ECONNREFUSED. Open connections live on. Ends with {@link restore}. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener === undefined) return;
    // `close` stops listening at once and calls back only when the last connection is gone: not waited for.
    listener.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Accepts new connections and resets them at once. Open ones live on. Ends with {@link restore}. */
  resetNew(): void {
    this.#resetNew = true;
  }

  /**
   * Half-open: everything sent in that direction, now or on later connections, is read and lost, and nothing is closed.
   * {@link restore} brings service back to new connections; one that lost bytes stays dead.
   */
  swallow(direction: Direction = 'both'): void {
    this.#swallowed = direction;
    for (const link of this.#links) loseOn(link, direction);
  }

  /** A pause of the network: bytes in that direction wait and arrive after {@link restore}. */
  hold(direction: Direction = 'both'): void {
    this.#held = direction;
  }

  /** Everything arrives this much later, in each direction. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Rate of each direction of each connection; 0 for no limit. */
  limitBytesPerSecond(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#flushAll();
  }

  /** Ends every fault and listens again. Cut points stay armed. */
  async restore(): Promise<void> {
    this.#resetNew = false;
    this.#swallowed = undefined;
    this.#held = undefined;
    this.#delayMs = 0;
    this.#bytesPerSecond = 0;
    this.#flushAll();
    if (this.#listener === undefined) await this.#listen();
  }

  /**
   * Cuts the connection of the server's N-th message that matches, right after it: it is the last one the client sees.
   * Resolves with that message once it is cut. Matches are counted over all connections; plain-text connections only.
   */
  cutAfter(matches: (message: SeenMessage) => boolean, count: number = 1): Promise<SeenMessage> {
    return this.#arm(matches, 'cut-after', count);
  }

  /** Like {@link cutAfter}, but the client never sees the message (it may get a part of its bytes). */
  cutBefore(matches: (message: SeenMessage) => boolean, count: number = 1): Promise<SeenMessage> {
    return this.#arm(matches, 'cut-before', count);
  }

  /** Sees every message of the server before it is forwarded; returns a function that ends it. */
  observe(observer: (message: SeenMessage) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Ends everything. Idempotent. */
  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = new Promise<void>((resolve) => {
      if (listener === undefined) resolve();
      else
        listener.close(() => {
          resolve();
        });
    });
    this.cut();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #listen(): Promise<void> {
    // Half-closed connections stay half-closed: the lanes pass the FIN on in order.
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#accept(client);
    });
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.port, '127.0.0.1', () => {
        this.#listener = listener;
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    if (this.#resetNew) {
      this.#reset += 1;
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const faults = (own: Direction) => () => ({
      delayMs: this.#delayMs,
      bytesPerSecond: this.#bytesPerSecond,
      held: this.#held === 'both' || this.#held === own,
    });
    const link: Link = {
      client,
      server,
      toServer: new FaultLane(client, server, faults('to-server')),
      toClient: new FaultLane(server, client, faults('to-client')),
    };
    this.#links.add(link);
    if (this.#swallowed !== undefined) loseOn(link, this.#swallowed);
    this.#wire(link);
  }

  #wire(link: Link): void {
    const { client, server, toServer, toClient } = link;
    let tap: GrpcTap | undefined;
    let announce: (() => void) | undefined;
    let ending = false;
    client.once('data', (first) => {
      // The client speaks first: the `P` of HTTP/2's preface, or a TLS record, which nobody can look into.
      if (first[0] !== 0x50) return;
      tap = new GrpcTap((describe) => {
        if (this.#armed.length === 0 && this.#observers.size === 0) return 'pass';
        const message = describe();
        const hit = this.#hit(message);
        if (hit === undefined) return 'pass';
        announce = () => {
          hit.resolve(message);
        };
        return hit.verdict;
      });
    });
    client.on('data', (chunk) => {
      this.#bytesToServer += chunk.length;
      tap?.clientSent(chunk);
      toServer.push(chunk);
    });
    server.on('data', (chunk) => {
      this.#bytesToClient += chunk.length;
      if (ending) return;
      const { bytes, cut } = tap?.serverSent(chunk) ?? { bytes: chunk, cut: false };
      toClient.push(bytes);
      if (!cut) return;
      ending = true;
      toClient.finish(() => {
        // A FIN, not a reset: a reset could overtake bytes that the client has not read yet.
        client.end();
        server.resetAndDestroy();
        setTimeout(() => {
          this.#destroy(link, false);
        }, CUT_LINGER_MS).unref();
        announce?.();
      });
    });
    client.on('end', () => {
      toServer.end();
    });
    server.on('end', () => {
      toClient.end();
    });
    for (const socket of [client, server]) {
      socket.on('error', ignore);
      socket.on('close', (failed) => {
        // A reset or a refused connect on one side becomes a reset on the other, except after a cut, which lingers.
        if (failed && !ending) this.#destroy(link, true);
        else if (client.destroyed && server.destroyed) this.#destroy(link, false);
      });
    }
  }

  #destroy(link: Link, reset: boolean): void {
    if (!this.#links.delete(link)) return;
    link.toServer.stop();
    link.toClient.stop();
    for (const socket of [link.client, link.server]) {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #arm(matches: ArmedCut['matches'], verdict: ArmedCut['verdict'], count: number): Promise<SeenMessage> {
    return new Promise((resolve) => {
      this.#armed.push({ matches, verdict, left: count, resolve });
    });
  }

  /** The armed cut that this message triggers; it is disarmed with that. */
  #hit(message: SeenMessage): ArmedCut | undefined {
    for (const observer of this.#observers) observer(message);
    let hit: ArmedCut | undefined;
    for (const armed of this.#armed) {
      if (!armed.matches(message)) continue;
      armed.left -= 1;
      if (armed.left <= 0) hit ??= armed;
    }
    if (hit !== undefined) this.#armed = this.#armed.filter((armed) => armed !== hit);
    return hit;
  }

  #flushAll(): void {
    for (const { toServer, toClient } of this.#links) {
      toServer.flush();
      toClient.flush();
    }
  }
}

function loseOn(link: Link, direction: Direction): void {
  if (direction !== 'to-client') link.toServer.lose();
  if (direction !== 'to-server') link.toClient.lose();
}

function ignore(): void {
  // `close` follows and is handled; without a listener the error would end the process.
}
