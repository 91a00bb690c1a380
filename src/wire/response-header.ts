/** The header of any answer of etcd, decoded by hand: on main beside the generated code, in shards instead of it. Pure. */
import { ProtoReader, WIRE_LENGTH, WIRE_VARINT } from './proto-reader.js';

export interface ResponseHeader {
  /** 0n where the answer does not say, as those that a proxy makes up. */
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: bigint;
}

/**
 * The header of an answer whose field 1 it is, which holds for every answer of etcd.
 *
 * @throws EtcdError `malformed-response`.
 */
export function decodeAnswerHeader(bytes: Uint8Array): ResponseHeader {
  const reader = new ProtoReader();
  reader.reset(bytes, 0, bytes.length);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 1 * 8 + WIRE_LENGTH) return readHeader(reader);
    reader.skip(tag);
  }
  return NO_HEADER;
}

/** Reads the header that the reader stands before. */
export function readHeader(reader: ProtoReader): ResponseHeader {
  const length = reader.length();
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  const header = { ...NO_HEADER } as { -readonly [Key in keyof ResponseHeader]: ResponseHeader[Key] }; // filled here only
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 1 * 8 + WIRE_VARINT:
        reader.int64();
        header.clusterId = BigInt.asUintN(64, reader.bigint);
        break;
      case 2 * 8 + WIRE_VARINT:
        reader.int64();
        header.memberId = BigInt.asUintN(64, reader.bigint);
        break;
      case 3 * 8 + WIRE_VARINT:
        header.revision = reader.revision();
        break;
      case 4 * 8 + WIRE_VARINT:
        reader.int64();
        header.raftTerm = BigInt.asUintN(64, reader.bigint);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  return header;
}

/** Of an answer without one. */
export const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0n };
