/** Numbers in unary answers that no etcd sends: a coded error of that call. */
import { describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../src/generated/etcd.js';
import { headerFrom, keyValueFrom, rangeResultFrom, deleteResultFrom } from '../../../src/main/kv/responses.js';
import { leaseRpc } from '../../../src/main/lease/lease-rpc.js';
import type { UnaryClient } from '../../../src/main/unary/unary-client.js';
import type { UnaryMethod } from '../../../src/main/unary/unary-method.js';
import { longFromBigint } from '../../../src/wire/int64.js';
import { KeepAliveReader } from '../../../src/workers/lease/keep-alive-codec.js';
import { decodeGrantTtl } from '../../../src/workers/lease/lease-messages.js';
import { writeFields } from '../../support/raw-protobuf.js';

// protobufjs reads the two halves only; its types ask for the whole class of the package `long`.
const long = (value: bigint): never => longFromBigint(value) as never;
const MALFORMED = expect.objectContaining({ code: 'malformed-response' }) as Error;

describe('a negative number in an answer of the kv service', () => {
  it.each<[string, () => unknown]>([
    ['revision of a header', () => headerFrom({ revision: long(-1n) })],
    ['modRevision', () => keyValueFrom({ modRevision: long(-1n) })],
    ['createRevision', () => keyValueFrom({ createRevision: long(-(2n ** 63n)) })],
    ['version', () => keyValueFrom({ version: long(-5n) })],
    ['count', () => rangeResultFrom({ header: {}, count: long(-1n) })],
    ['deleted', () => deleteResultFrom({ header: {}, deleted: long(-1n) })],
  ])('as %s is a malformed response', (_name, read) => {
    expect(read).toThrow(MALFORMED);
  });

  it('as a lease id is one like any other', () => {
    expect(keyValueFrom({ lease: long(-5n) }).lease).toBe(-5n);
  });
});

describe('a TTL that etcd never grants', () => {
  const huge = 2n ** 53n + 1n;
  /** A client whose every answer has these bytes. */
  const answering = (bytes: Uint8Array): UnaryClient => {
    const call = async (method: UnaryMethod<unknown, unknown>): Promise<unknown> => method.decode(bytes);
    return { call } as unknown as UnaryClient; // only what the lease calls use
  };

  it('is a malformed response of the grant, and so is none at all', () => {
    expect(() => decodeGrantTtl(writeFields([[3, huge]]))).toThrow(MALFORMED);
    expect(() => decodeGrantTtl(writeFields([[3, 9_000_000_001n]]))).toThrow(MALFORMED);
    expect(() => decodeGrantTtl(writeFields([[3, -1n]]))).toThrow(MALFORMED);
    expect(() => decodeGrantTtl(writeFields([]))).toThrow(MALFORMED);
    expect(decodeGrantTtl(writeFields([[3, 9_000_000_000n]]))).toBe(9_000_000_000);
  });

  it('is a malformed response of a renewal; 0 and less say that the lease is gone', () => {
    const reader = new KeepAliveReader();
    const read = (ttl: bigint): number => {
      const bytes = writeFields([
        [2, 7n],
        [3, ttl],
      ]);
      reader.read(bytes, 0, bytes.length);
      return reader.ttlSeconds;
    };
    expect(() => read(huge)).toThrow(MALFORMED);
    expect(read(-1n)).toBe(-1);
    expect(read(0n)).toBe(0);
  });

  it('is a malformed response of timeToLive() and keepAliveOnce()', async () => {
    const ttl = rpc.LeaseTimeToLiveResponse.encode({ ID: long(7n), TTL: long(5n), grantedTTL: long(huge) }).finish();
    await expect(leaseRpc(answering(ttl)).timeToLive(7n, {})).rejects.toMatchObject({ code: 'malformed-response' });
    const renewal = rpc.LeaseKeepAliveResponse.encode({ ID: long(7n), TTL: long(huge) }).finish();
    await expect(leaseRpc(answering(renewal)).keepAliveOnce(7n, {})).rejects.toMatchObject({
      code: 'malformed-response',
    });
  });
});
