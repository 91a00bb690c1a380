/**
 * etcd's election service, v3election. Server thread. Statuses of refusals: see relabelled.ts.
 */
import { v3electionpb as electionpb } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import { watchLeader } from '../concurrency/leader-watch.js';
import type { LockQueue } from '../concurrency/lock-queue.js';
import { relabelled, relabelledAsync } from '../concurrency/relabelled.js';
import { longFromId, longFromNumber, numberFromLong } from '../long.js';
import type { ResponseHeaders } from '../response-header.js';
import { RpcFailure } from '../rpc-failure.js';
import { keyOf, keyValueMessage, type StoredValue } from '../store/stored-value.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import { stream, unary, type CallContext, type Service, type StreamCall } from './service.js';

type Answer = electionpb.LeaderResponse.$Properties;

/** The service `v3electionpb.Election`. */
export function electionService(queue: LockQueue, headers: ResponseHeaders): Service {
  const campaign = async (
    { name, lease, value }: electionpb.CampaignRequest,
    call: CallContext,
  ): Promise<electionpb.CampaignResponse.$Properties> => {
    const leaseId = queue.session(call, bigintFromLong(lease));
    const place = queue.join(call, name, leaseId, value, false);
    const { keyText, createRevision, oldValue, revision } = place;
    const key = keyOf(keyText);
    if (oldValue !== undefined && Buffer.compare(oldValue, value) !== 0)
      queue.replace(call, key, createRevision, value, leaseId);
    queue.checkReads(call, name);
    try {
      await queue.turn(name, createRevision, call.signal);
    } catch (error) {
      queue.leave(keyText, createRevision);
      throw error;
    }
    // The revision of joining, as etcd has it, however long the wait.
    const leader = { name, key, rev: longFromNumber(createRevision), lease: longFromId(leaseId) };
    return { header: headers.at(revision), leader };
  };

  const proclaim = (
    { leader, value }: electionpb.ProclaimRequest,
    call: CallContext,
  ): electionpb.ProclaimResponse.$Properties => {
    const { key, rev, lease } = given(leader);
    const leaseId = queue.session(call, bigintFromLong(lease));
    if (!queue.replace(call, key, numberFromLong(rev), value, leaseId)) throw unknown('election: not leader');
    return { header: headers.now() };
  };

  const resign = ({ leader }: electionpb.ResignRequest, call: CallContext): electionpb.ResignResponse.$Properties => {
    const { key, rev, lease } = given(leader);
    queue.session(call, bigintFromLong(lease));
    queue.remove(call, key, numberFromLong(rev));
    return { header: headers.now() };
  };

  const answer = (value: StoredValue, revision: number): Answer => ({
    header: headers.at(revision),
    kv: keyValueMessage(value),
  });

  const leader = ({ name }: electionpb.LeaderRequest, call: CallContext): Answer => {
    const first = queue.first(call, name);
    if (first === undefined) throw unknown('election: no leader');
    return answer(first, queue.store.revision);
  };

  return {
    name: 'v3electionpb.Election',
    methods: {
      Campaign: unary(electionpb.CampaignRequest, electionpb.CampaignResponse, (request, call) =>
        relabelledAsync(() => campaign(request, call)),
      ),
      Proclaim: unary(electionpb.ProclaimRequest, electionpb.ProclaimResponse, (request, call) =>
        relabelled(() => proclaim(request, call)),
      ),
      Leader: unary(electionpb.LeaderRequest, electionpb.LeaderResponse, (request, call) =>
        relabelled(() => leader(request, call)),
      ),
      Observe: stream(electionpb.LeaderRequest, electionpb.LeaderResponse, (call) => {
        observe(queue, call, answer);
      }),
      Resign: unary(electionpb.ResignRequest, electionpb.ResignResponse, (request, call) =>
        relabelled(() => resign(request, call)),
      ),
    },
  };
}

/** Of what a slow client has not taken only the newest value is kept. */
function observe(
  queue: LockQueue,
  call: StreamCall<electionpb.LeaderRequest, Answer>,
  answer: (value: StoredValue, revision: number) => Answer,
): void {
  let stop: (() => void) | undefined;
  let flowing = true;
  let waiting: Answer | undefined;
  call.onRequest(({ name }) => {
    try {
      queue.checkReads(call.context, name);
    } catch {
      // etcd's observer ends without a word when its first read is refused.
      call.end();
      return;
    }
    stop ??= watchLeader(queue.store, name, (value, revision) => {
      const message = answer(value, revision);
      if (flowing) flowing = call.write(message);
      else waiting = message;
    });
  });
  call.onDrain(() => {
    flowing = true;
    if (waiting === undefined) return;
    const message = waiting;
    waiting = undefined;
    flowing = call.write(message);
  });
  call.onClosed(() => {
    stop?.();
  });
}

/** The generated code leaves out what was not sent. */
function given(leader: electionpb.LeaderKey.$Properties | null | undefined): electionpb.LeaderKey {
  if (!leader) throw unknown('"leader" field must be provided');
  return electionpb.LeaderKey.create(leader);
}

function unknown(text: string): RpcFailure {
  return new RpcFailure(GrpcStatus.UNKNOWN, text);
}
