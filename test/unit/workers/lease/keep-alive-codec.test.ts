import { describe, expect, it } from 'vitest';
import { KeepAliveReader, MAX_REQUEST_BYTES, writeKeepAlive } from '../../../../src/workers/lease/keep-alive-codec.js';
import { decodeGrantTtl, encodeGrant, encodeRevoke } from '../../../../src/workers/lease/lease-messages.js';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { long } from '../../../../src/main/kv/requests.js';
import { bigintFromLong } from '../../../../src/wire/int64.js';
import { Rng } from '../../../support/rng.js';

const SPECIAL = [
  1n,
  127n,
  128n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 35n,
  2n ** 56n,
  2n ** 63n - 1n,
  -1n,
  -(2n ** 63n),
];
const random = new Rng(11);
const ids = [
  ...SPECIAL,
  ...Array.from({ length: 500 }, () => BigInt.asIntN(64, (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()))),
];
const low = (id: bigint): number => Number(BigInt.asIntN(32, id));
const high = (id: bigint): number => Number(BigInt.asIntN(32, id >> 32n));

describe('keep-alive messages by hand', () => {
  it('are read by generated code as what was written', () => {
    for (const id of ids) {
      const bytes = new Uint8Array(MAX_REQUEST_BYTES + 3);
      const end = writeKeepAlive(bytes, 3, low(id), high(id));
      expect(bytes[3]).toBe(0);
      expect(new DataView(bytes.buffer).getUint32(4)).toBe(end - 8);
      expect(bigintFromLong(rpc.LeaseKeepAliveRequest.decode(bytes.subarray(8, end)).ID)).toBe(id);
    }
  });

  it('are read as what generated code wrote, header and unknown fields skipped', () => {
    const reader = new KeepAliveReader();
    for (const id of ids) {
      const header = { clusterId: long(id), memberId: long(5n), revision: long(9n), raftTerm: long(2n) };
      const known = rpc.LeaseKeepAliveResponse.encode({ header, ID: long(id), TTL: long(9_000_000_000n) }).finish();
      const unknown = Uint8Array.of(0x98, 0x06, 0x01, 0x9a, 0x06, 0x02, 7, 7); // fields 99: a varint, then two bytes
      const message = Buffer.concat([Uint8Array.of(9, 9), unknown, known, Uint8Array.of(9)]);
      reader.read(message, 2, message.length - 1);
      expect([reader.low, reader.high, reader.ttlSeconds]).toEqual([low(id), high(id), 9_000_000_000]);
    }
  });

  it('reads an answer without a TTL as 0, which is a lease that is gone', () => {
    const reader = new KeepAliveReader();
    const message = rpc.LeaseKeepAliveResponse.encode({ ID: long(7n) }).finish();
    reader.read(message, 0, message.length);
    expect(reader.ttlSeconds).toBe(0);
  });

  it('refuses what is cut short or no message at all', () => {
    const reader = new KeepAliveReader();
    const good = rpc.LeaseKeepAliveResponse.encode({
      header: { revision: long(9n) },
      ID: long(2n ** 40n),
      TTL: long(15n),
    }).finish();
    const malformed = expect.objectContaining({ code: 'malformed-response' });
    let refused = 0;
    for (let end = 1; end < good.length; end += 1) {
      try {
        reader.read(good, 0, end);
      } catch (error) {
        expect(error).toEqual(malformed);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(5); // the others are whole messages with fewer fields
    expect(() => reader.read(Uint8Array.of(0x0b, 1), 0, 2)).toThrow(malformed);
    expect(() => reader.read(new Uint8Array(12).fill(0xff), 0, 12)).toThrow(malformed);
  });
});

describe('unary lease messages by hand', () => {
  it('agree with generated code', () => {
    for (const id of ids) {
      const grant = rpc.LeaseGrantRequest.decode(encodeGrant(15, id));
      expect([bigintFromLong(grant.TTL), bigintFromLong(grant.ID)]).toEqual([15n, id]);
      expect(bigintFromLong(rpc.LeaseRevokeRequest.decode(encodeRevoke(id)).ID)).toBe(id);
    }
    const granted = rpc.LeaseGrantResponse.encode({
      header: { revision: long(3n) },
      ID: long(4n),
      TTL: long(60n),
    }).finish();
    expect(decodeGrantTtl(granted)).toBe(60);
  });
});
