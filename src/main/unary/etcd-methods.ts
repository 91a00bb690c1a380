/**
 * The unary methods of etcd's API that the main thread calls: path, request, answer. Main thread. The generated code is
 * imported here and by the converters next to each service, nowhere else.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { AUTHENTICATE_PATH, decodeAuthenticate, encodeAuthenticate } from '../../member/authenticate.js';
import type { HeldToken, Login } from '../../wire/shard-auth.js';
import type { UnaryMethod } from './unary-method.js';

/** What is used of a class that protobufjs generates. */
interface Message<Properties, Decoded> {
  decode(bytes: Uint8Array): Decoded;
  encode(message: Properties): { finish(): Uint8Array };
}

function method<Request, Response>(
  path: string,
  request: Pick<Message<Request, unknown>, 'encode'>,
  response: Pick<Message<never, Response>, 'decode'>,
): UnaryMethod<Request, Response> {
  return {
    path,
    encode: (message) => request.encode(message).finish(),
    decode: (bytes) => response.decode(bytes),
  };
}

export const kvMethods: {
  readonly range: UnaryMethod<rpc.RangeRequest.$Properties, rpc.RangeResponse>;
  readonly put: UnaryMethod<rpc.PutRequest.$Properties, rpc.PutResponse>;
  readonly deleteRange: UnaryMethod<rpc.DeleteRangeRequest.$Properties, rpc.DeleteRangeResponse>;
  readonly txn: UnaryMethod<rpc.TxnRequest.$Properties, rpc.TxnResponse>;
  readonly compact: UnaryMethod<rpc.CompactionRequest.$Properties, rpc.CompactionResponse>;
} = {
  range: method('/etcdserverpb.KV/Range', rpc.RangeRequest, rpc.RangeResponse),
  put: method('/etcdserverpb.KV/Put', rpc.PutRequest, rpc.PutResponse),
  deleteRange: method('/etcdserverpb.KV/DeleteRange', rpc.DeleteRangeRequest, rpc.DeleteRangeResponse),
  txn: method('/etcdserverpb.KV/Txn', rpc.TxnRequest, rpc.TxnResponse),
  compact: method('/etcdserverpb.KV/Compact', rpc.CompactionRequest, rpc.CompactionResponse),
};

export const authMethods: {
  readonly authenticate: UnaryMethod<Login, HeldToken>;
} = {
  authenticate: { path: AUTHENTICATE_PATH, encode: encodeAuthenticate, decode: decodeAuthenticate },
};

export const maintenanceMethods: {
  readonly status: UnaryMethod<rpc.StatusRequest.$Properties, rpc.StatusResponse>;
} = {
  status: method('/etcdserverpb.Maintenance/Status', rpc.StatusRequest, rpc.StatusResponse),
};
