/**
 * A transaction as it was decoded. The generated types say of messages inside others only what may be sent; decoding makes
 * instances of the classes at every depth, whose plain fields are always there. Pure.
 */
import type { etcdserverpb as rpc } from '../../generated/etcd.js';

export interface DecodedTxn {
  readonly compare: readonly rpc.Compare[];
  readonly success: readonly DecodedOperation[];
  readonly failure: readonly DecodedOperation[];
}

/** One of them is set, or none by a client that is wrong. */
export interface DecodedOperation {
  readonly requestRange?: rpc.RangeRequest | null;
  readonly requestPut?: rpc.PutRequest | null;
  readonly requestDeleteRange?: rpc.DeleteRangeRequest | null;
  readonly requestTxn?: DecodedTxn | null;
}

export function decodedTxn(request: rpc.TxnRequest): DecodedTxn {
  return request as unknown as DecodedTxn; // see above
}
