/**
 * Decoded protobuf answers to the public types. Main thread; pure.
 */
import { EtcdError } from '../../wire/errors.js';
import { bigintFromLong, type DecodedInt64 } from '../../wire/int64.js';
import { Bytes } from '../bytes.js';
import { plainValue } from '../plain-value.js';
import type { etcdserverpb as rpc, mvccpb } from '../../generated/etcd.js';
import type { DeleteResult, KeyValue, PutResult, RangeResult, ResponseHeader } from './key-value.js';

const NO_BYTES = new Uint8Array(0);

export function keyValueFrom(kv: mvccpb.KeyValue.$Properties): KeyValue {
  return plainValue({
    key: Bytes.view(kv.key ?? NO_BYTES),
    value: Bytes.view(kv.value ?? NO_BYTES),
    createRevision: naturalFrom(kv.createRevision, 'createRevision'),
    modRevision: naturalFrom(kv.modRevision, 'modRevision'),
    version: naturalFrom(kv.version, 'version'),
    lease: bigintFromLong(kv.lease),
  });
}

/** The header of an answer. Every etcd sends one; what comes without is not etcd's answer. */
export function headerFrom(header: rpc.ResponseHeader.$Properties | null | undefined): ResponseHeader {
  if (header === null || header === undefined) throw malformed('it has no header');
  return plainValue({
    clusterId: bigintFromLong(header.clusterId),
    memberId: bigintFromLong(header.memberId),
    revision: naturalFrom(header.revision, 'revision'),
    raftTerm: bigintFromLong(header.raftTerm),
  });
}

/** @param header of the transaction, for an answer inside one. */
export function rangeResultFrom(response: rpc.RangeResponse.$Properties, header?: ResponseHeader): RangeResult {
  return plainValue({
    kvs: (response.kvs ?? []).map(keyValueFrom),
    more: response.more === true,
    count: naturalFrom(response.count, 'count'),
    header: header ?? headerFrom(response.header),
  });
}

export function putResultFrom(response: rpc.PutResponse.$Properties, header?: ResponseHeader): PutResult {
  const { prevKv } = response;
  return plainValue({
    prevKv: prevKv === null || prevKv === undefined ? undefined : keyValueFrom(prevKv),
    header: header ?? headerFrom(response.header),
  });
}

export function deleteResultFrom(response: rpc.DeleteRangeResponse.$Properties, header?: ResponseHeader): DeleteResult {
  return plainValue({
    deleted: naturalFrom(response.deleted, 'deleted'),
    prevKvs: (response.prevKvs ?? []).map(keyValueFrom),
    header: header ?? headerFrom(response.header),
  });
}

/** What is counted from 0 up. */
function naturalFrom(value: DecodedInt64, name: string): bigint {
  const number = bigintFromLong(value);
  if (number < 0n) throw malformed(`a negative ${name}`);
  return number;
}

/** An answer that can be read but makes no sense. A write that is answered so may have been applied. */
export function malformed(why: string): EtcdError {
  return new EtcdError(`the server sent an answer that cannot be used: ${why}`, {
    code: 'malformed-response',
    outcome: 'unknown',
  });
}
