/** A Kv over a unary client of its own, as the engine makes one, and what its tests need beside it. */
import { etcdserverpb as rpc } from '../../src/generated/etcd.js';
import { Kv } from '../../src/main/kv/kv.js';
import { long } from '../../src/main/kv/requests.js';
import { UnaryClient } from '../../src/main/unary/unary-client.js';
import type { ConnectionSettings } from '../../src/wire/connection-settings.js';
import { parseEndpoints } from '../../src/wire/endpoint.js';
import { EtcdError } from '../../src/wire/errors.js';
import { bigintFromLong } from '../../src/wire/int64.js';

export interface KvClient {
  readonly kv: Kv;
  readonly unary: UnaryClient;
  /** A lease that nobody keeps alive. */
  grant(ttlSeconds: bigint): Promise<bigint>;
  close(): void;
}

export function kvOf(endpoints: string | readonly string[], settings: Partial<ConnectionSettings> = {}): KvClient {
  const unary = new UnaryClient({
    settings: {
      endpoints: parseEndpoints(endpoints),
      tls: undefined,
      transport: 'http2',
      connectTimeoutMs: 5_000,
      pingIntervalMs: 30_000,
      pingTimeoutMs: 10_000,
      streamWindowBytes: 4 << 20,
      connectionWindowBytes: 8 << 20,
      maxMessageBytes: 2 ** 31 - 1,
      ...settings,
    },
  });
  return {
    kv: new Kv(unary),
    unary,
    async grant(ttlSeconds) {
      const method = {
        path: '/etcdserverpb.Lease/LeaseGrant',
        encode: (request: rpc.LeaseGrantRequest.$Properties) => rpc.LeaseGrantRequest.encode(request).finish(),
        decode: (bytes: Uint8Array) => rpc.LeaseGrantResponse.decode(bytes),
      };
      const answer = await unary.call(method, { TTL: long(ttlSeconds) }, { repeatable: false, requireLeader: true });
      return bigintFromLong(answer.ID);
    },
    close: () => unary.close(),
  };
}

export async function failureOf(promise: Promise<unknown>): Promise<EtcdError> {
  const thrown: unknown = await promise.then(
    () => new Error('was served'),
    (error: unknown) => error,
  );
  if (thrown instanceof EtcdError) return thrown;
  throw thrown;
}
