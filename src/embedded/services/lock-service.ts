/**
 * etcd's lock service, v3lock. Server thread. etcd serves it as a client of itself, so that every refusal comes out with
 * status Unknown and the text of the call that failed inside.
 */
import { v3lockpb as lockpb } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import type { LockQueue } from '../concurrency/lock-queue.js';
import { relabelled, relabelledAsync } from '../concurrency/relabelled.js';
import type { ResponseHeaders } from '../response-header.js';
import { RpcFailure } from '../rpc-failure.js';
import { keyOf } from '../store/stored-value.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import { unary, type CallContext, type Service } from './service.js';

const NO_VALUE = new Uint8Array(0);

/** The service `v3lockpb.Lock`. */
export function lockService(queue: LockQueue, headers: ResponseHeaders): Service {
  const lock = async (
    { name, lease }: lockpb.LockRequest,
    call: CallContext,
  ): Promise<lockpb.LockResponse.$Properties> => {
    const leaseId = queue.session(call, bigintFromLong(lease));
    const place = queue.join(call, name, leaseId, NO_VALUE, true);
    try {
      await queue.turn(name, place.createRevision, call.signal);
    } catch (error) {
      queue.leave(place.keyText, place.createRevision);
      throw error;
    }
    if (queue.store.get(place.keyText) === undefined)
      throw new RpcFailure(GrpcStatus.UNKNOWN, 'mutex: session is expired');
    return { header: headers.now(), key: keyOf(place.keyText) };
  };

  const unlock = ({ key }: lockpb.UnlockRequest, call: CallContext): lockpb.UnlockResponse.$Properties => {
    queue.unlock(call, key);
    return { header: headers.now() };
  };

  return {
    name: 'v3lockpb.Lock',
    methods: {
      Lock: unary(lockpb.LockRequest, lockpb.LockResponse, (request, call) =>
        relabelledAsync(() => lock(request, call)),
      ),
      Unlock: unary(lockpb.UnlockRequest, lockpb.UnlockResponse, (request, call) =>
        relabelled(() => unlock(request, call)),
      ),
    },
  };
}
