/**
 * etcd's KV service: the order of checks, and headers. Server thread.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import type { AuthGate } from '../auth/auth-gate.js';
import { numberFromLong } from '../long.js';
import { decodedTxn } from '../kv/decoded-txn.js';
import { checkKey, checkPut, checkTxn } from '../kv/request-checks.js';
import { checkRequestSize } from '../kv/request-size.js';
import { rangeMessage, readRange } from '../kv/range.js';
import { applyTxn, isReadOnly } from '../kv/txn.js';
import { applyDelete, applyPut, checkKept, checkLease, type KnownLeases } from '../kv/write.js';
import type { AlarmGate } from '../maintenance/alarms.js';
import type { ResponseHeaders } from '../response-header.js';
import type { KvStore } from '../store/kv-store.js';
import { keyOf } from '../store/stored-value.js';
import { unary, type CallContext, type Service } from './service.js';

/** What the service works on. */
export interface KvParts {
  readonly store: KvStore;
  readonly headers: ResponseHeaders;
  readonly leases: KnownLeases;
  readonly gate: AuthGate;
  readonly alarms: AlarmGate;
  /** The largest write, in bytes. */
  readonly maxRequestBytes: number;
}

/** The service `etcdserverpb.KV`. */
export function kvService({ store, headers, leases, gate, alarms, maxRequestBytes }: KvParts): Service {
  const range = (request: rpc.RangeRequest, call: CallContext): rpc.RangeResponse.$Properties => {
    checkKey(request);
    gate.checkRead(gate.user(call), request.key, request.rangeEnd);
    return { ...rangeMessage(readRange(store, request), request.keysOnly), header: headers.now() };
  };

  const put = (request: rpc.PutRequest, call: CallContext, bytes: number): rpc.PutResponse.$Properties => {
    checkPut(request);
    const user = gate.user(call);
    checkRequestSize(bytes, maxRequestBytes);
    alarms.checkGrowth();
    gate.checkWrite(user, request.key);
    // A key can be put on a lease only by who may also write the keys that are on it.
    for (const key of leases.keysOf(bigintFromLong(request.lease))) gate.checkWrite(user, keyOf(key));
    if (request.prevKv) gate.checkRead(user, request.key);
    checkLease(leases, request);
    checkKept(store, request);
    const message = store.write((writer) => applyPut(writer, request));
    return { ...message, header: headers.now() };
  };

  const deleteRange = (
    request: rpc.DeleteRangeRequest,
    call: CallContext,
    bytes: number,
  ): rpc.DeleteRangeResponse.$Properties => {
    checkKey(request);
    const user = gate.user(call);
    checkRequestSize(bytes, maxRequestBytes);
    alarms.checkChange();
    gate.checkWrite(user, request.key, request.rangeEnd);
    if (request.prevKv) gate.checkRead(user, request.key, request.rangeEnd);
    const message = store.write((writer) => applyDelete(writer, request));
    return { ...message, header: headers.now() };
  };

  const txn = (request: rpc.TxnRequest, call: CallContext, bytes: number): rpc.TxnResponse.$Properties => {
    const txnRequest = decodedTxn(request);
    checkTxn(txnRequest);
    const user = gate.user(call);
    if (!isReadOnly(txnRequest)) {
      checkRequestSize(bytes, maxRequestBytes);
      alarms.checkTxn(txnRequest);
    }
    gate.checkTxn(user, txnRequest);
    const { response, revision } = applyTxn(store, leases, txnRequest);
    return { ...response, header: headers.at(revision) };
  };

  const compact = (request: rpc.CompactionRequest, call: CallContext): rpc.CompactionResponse.$Properties => {
    gate.user(call);
    alarms.checkChange();
    store.compact(numberFromLong(request.revision));
    return { header: headers.now() };
  };

  return {
    name: 'etcdserverpb.KV',
    methods: {
      Range: unary(rpc.RangeRequest, rpc.RangeResponse, range),
      Put: unary(rpc.PutRequest, rpc.PutResponse, put),
      DeleteRange: unary(rpc.DeleteRangeRequest, rpc.DeleteRangeResponse, deleteRange),
      Txn: unary(rpc.TxnRequest, rpc.TxnResponse, txn),
      Compact: unary(rpc.CompactionRequest, rpc.CompactionResponse, compact),
    },
  };
}
