/**
 * What a member is asked before it is used: Maintenance.Status, or where that is refused a linearizable count of one key; and what such
 * a refusal means. Encoded and decoded by hand; no state.
 */
import { EtcdError } from '../wire/errors.js';
import { ProtoReader, WIRE_LENGTH, WIRE_VARINT } from '../wire/proto-reader.js';
import { ProtoWriter } from '../wire/proto-writer.js';
import { isServerText } from '../wire/server-errors.js';
import { decodeAnswerHeader, NO_HEADER, readHeader, type ResponseHeader } from '../wire/response-header.js';
import type { GrpcConnection, Metadata } from '../grpc/grpc-connection.js';

export interface MemberStatus {
  readonly header: ResponseHeader;
  /** As the member says it, such as `3.5.16`; empty where it refuses to say. */
  readonly version: string;
  /** It is an etcd that tells its status to root only. */
  readonly isWithheld: boolean;
  /** Member id of the leader this member knows; 0n for none, or where it refuses to say. */
  readonly leaderId: bigint;
  readonly isLearner: boolean;
}

/** Of a member that tells nothing of itself. */
export const NOTHING_TOLD: MemberStatus = {
  header: NO_HEADER,
  version: '',
  isWithheld: false,
  leaderId: 0n,
  isLearner: false,
};

const STATUS_PATH = '/etcdserverpb.Maintenance/Status';
const RANGE_PATH = '/etcdserverpb.KV/Range';

/** Asks a member for its status. */
export async function memberStatus(
  connection: GrpcConnection,
  timeoutMs: number,
  metadata: Metadata,
): Promise<MemberStatus> {
  return decodeStatus(await connection.unary(STATUS_PATH, new Uint8Array(0), { timeoutMs, metadata }));
}

/** The store's state as a quorum agrees on it: the header of a linearizable read that counts `key`. */
export async function linearizableHeader(
  connection: GrpcConnection,
  key: Uint8Array,
  timeoutMs: number,
  metadata: Metadata,
): Promise<ResponseHeader> {
  const writer = new ProtoWriter();
  writer.bytes(1, key);
  writer.boolField(9, true);
  return decodeAnswerHeader(await connection.unary(RANGE_PATH, writer.take(), { timeoutMs, metadata }));
}

/**
 * Why there is no status to be had: `withheld` by an etcd that keeps it for root (3.4.42 to 3.4.45, 3.5.28 to 3.5.31 and 3.6.0 to
 * 3.6.11 do, and no older ones), or `absent` from a server that is no etcd, or a proxy that lets it through to nobody. Both can be
 * used. Undefined for every other failure: then it may come to answer.
 */
export type StatusRefusal = 'withheld' | 'absent';

export function statusRefusal(error: unknown): StatusRefusal | undefined {
  if (!(error instanceof EtcdError)) return undefined;
  if (error.code === 'permission-denied') return isServerText(error, 'permission denied') ? 'withheld' : 'absent';
  return error.code === 'unimplemented' ? 'absent' : undefined;
}

export function decodeStatus(bytes: Uint8Array): MemberStatus {
  const reader = new ProtoReader();
  reader.reset(bytes, 0, bytes.length);
  let header = NO_HEADER;
  let version = '';
  let leaderId = 0n;
  let isLearner = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 1 * 8 + WIRE_LENGTH:
        header = readHeader(reader);
        break;
      case 2 * 8 + WIRE_LENGTH:
        version = reader.string();
        break;
      case 4 * 8 + WIRE_VARINT:
        reader.int64();
        leaderId = BigInt.asUintN(64, reader.bigint);
        break;
      case 10 * 8 + WIRE_VARINT:
        isLearner = reader.uint32() !== 0;
        break;
      default:
        reader.skip(tag);
    }
  }
  return { header, version, isWithheld: false, leaderId, isLearner };
}
