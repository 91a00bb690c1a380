/**
 * One lease stream of grpc-js, coded by protobufjs: grants with a fixed number in flight, and a third of the TTL after each
 * answered renewal the next one, looked for once in 100 ms. The least that a client on these two packages can do.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { LeaseClient, LeaseCounts } from '../lease-client.js';
import { codec, currentRevision, RawClient, type Int64 } from '../protocol.js';

/** A Long of protobufjs: it goes back into a request as it came. */
interface LeaseId extends Int64 {
  toString(): string;
}

interface KeepAliveResponse {
  readonly ID: LeaseId;
  readonly TTL: Int64;
}

const grantRequest = codec<unknown>('etcdserverpb.LeaseGrantRequest');
const grantResponse = codec<{ readonly ID: LeaseId }>('etcdserverpb.LeaseGrantResponse');
const keepAliveRequest = codec<unknown>('etcdserverpb.LeaseKeepAliveRequest');
const keepAliveResponse = codec<KeepAliveResponse>('etcdserverpb.LeaseKeepAliveResponse');

const GRANTS_IN_FLIGHT = 64;
const TICK_MS = 100;

interface Kept {
  readonly id: LeaseId;
  dueMs: number;
}

export class RawLeaseClient implements LeaseClient {
  #client: RawClient | undefined;
  #stream: ClientDuplexStream<object, KeepAliveResponse> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #leases = new Map<string, Kept>();
  #keepAlives = 0;
  #lost = 0;

  async connect(endpoint: string): Promise<void> {
    this.#client = new RawClient(endpoint);
    await currentRevision(this.#client);
  }

  async grant(count: number, ttlSeconds: number): Promise<number> {
    const client = this.#client;
    if (client === undefined) throw new Error('not connected');
    this.#keepAlive(client, ttlSeconds);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        next += 1;
        const { ID } = await client.unary('Lease/LeaseGrant', grantRequest, grantResponse, { TTL: ttlSeconds });
        this.#leases.set(ID.toString(), { id: ID, dueMs: performance.now() + (ttlSeconds * 1_000) / 3 });
      }
    };
    await Promise.all(Array.from({ length: GRANTS_IN_FLIGHT }, worker));
    return this.#leases.size;
  }

  #keepAlive(client: RawClient, ttlSeconds: number): void {
    const stream = client.stream('Lease/LeaseKeepAlive', keepAliveRequest, keepAliveResponse);
    this.#stream = stream;
    stream.on('data', ({ ID, TTL }: KeepAliveResponse) => {
      const lease = this.#leases.get(ID.toString());
      if (lease === undefined) return;
      if (TTL.toNumber() > 0) {
        this.#keepAlives += 1;
        lease.dueMs = performance.now() + (ttlSeconds * 1_000) / 3;
      } else {
        this.#lost += 1;
        this.#leases.delete(ID.toString());
      }
    });
    stream.on('error', () => undefined);
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const lease of this.#leases.values()) {
        if (lease.dueMs > nowMs) continue;
        lease.dueMs = Number.POSITIVE_INFINITY; // until it is answered
        stream.write({ ID: lease.id });
      }
    }, TICK_MS);
  }

  async counts(): Promise<LeaseCounts> {
    return { keepAlives: this.#keepAlives, lost: this.#lost };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stream?.cancel();
    this.#client?.close();
  }
}
