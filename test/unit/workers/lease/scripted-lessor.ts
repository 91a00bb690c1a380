/** A server that grants and renews leases as etcd does, one stream strictly in order, with leases that misbehave. */
import type { ServerHttp2Stream } from 'node:http2';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { long } from '../../../../src/main/kv/requests.js';
import { bigintFromLong } from '../../../../src/wire/int64.js';
import { accept, finish, frame, ScriptedServer } from '../../../support/scripted-server.js';

const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

type LessorState = Omit<ScriptedLessor, 'server' | 'close'>;

export class ScriptedLessor {
  readonly server: ScriptedServer;
  /** Their renewal ends the whole stream, as etcd 3.5 does without permission on a lease's key. */
  readonly poisoned: Set<bigint>;
  /** Their renewal is never answered, and nothing behind it on its stream. */
  readonly stuck: Set<bigint>;
  /** Renewals answered, by lease. */
  readonly renewals: Map<bigint, number>;
  /** Leases of which two renewals were on their way at once. */
  readonly doubled: Set<bigint>;
  /** Renewals that ended their stream because the lease was poisoned. */
  readonly refusals: { count: number };
  /** Tokens of streams whose first renewal is refused. */
  readonly staleTokens: Set<string>;
  /** Pieces in which renewals arrived. */
  readonly writes: { count: number };

  private constructor(server: ScriptedServer, state: LessorState) {
    this.server = server;
    this.poisoned = state.poisoned;
    this.stuck = state.stuck;
    this.renewals = state.renewals;
    this.doubled = state.doubled;
    this.refusals = state.refusals;
    this.staleTokens = state.staleTokens;
    this.writes = state.writes;
  }

  static async start(ttlSeconds: number): Promise<ScriptedLessor> {
    const state = {
      poisoned: new Set<bigint>(),
      stuck: new Set<bigint>(),
      renewals: new Map<bigint, number>(),
      doubled: new Set<bigint>(),
      refusals: { count: 0 },
      staleTokens: new Set<string>(),
      writes: { count: 0 },
    };
    const server = await ScriptedServer.start((stream, headers) => {
      accept(stream);
      switch (headers[':path']) {
        case '/etcdserverpb.Lease/LeaseKeepAlive':
          keepAlive(stream, ttlSeconds, state, String(headers['token']));
          break;
        case '/etcdserverpb.Lease/LeaseGrant':
          unary(stream, (request) => {
            const { ID } = rpc.LeaseGrantRequest.decode(request);
            return rpc.LeaseGrantResponse.encode({ ID, TTL: long(BigInt(ttlSeconds)) }).finish();
          });
          break;
        case '/etcdserverpb.Maintenance/Status':
          unary(stream, () => {
            const status = { header: { memberId: long(1n) }, leader: long(1n), version: '3.5.99' };
            return rpc.StatusResponse.encode(status).finish();
          });
          break;
        default:
          unary(stream, () => new Uint8Array(0));
      }
    });
    return new ScriptedLessor(server, state);
  }

  async close(): Promise<void> {
    await this.server.close();
  }
}

function unary(stream: ServerHttp2Stream, answer: (request: Buffer) => Uint8Array): void {
  eachMessage(stream, (request) => {
    stream.write(frame(answer(request)));
    finish(stream);
  });
}

function keepAlive(stream: ServerHttp2Stream, ttlSeconds: number, state: LessorState, token: string): void {
  const queue: bigint[] = [];
  let isOver = false;
  const step = (): void => {
    const leaseId = queue[0];
    if (isOver || leaseId === undefined || state.stuck.has(leaseId)) return;
    if (state.staleTokens.has(token)) {
      isOver = true;
      finish(stream, UNAUTHENTICATED, 'etcdserver: invalid auth token');
      return;
    }
    if (state.poisoned.has(leaseId)) {
      isOver = true;
      state.refusals.count += 1;
      finish(stream, PERMISSION_DENIED, 'etcdserver: permission denied');
      return;
    }
    queue.shift();
    state.renewals.set(leaseId, (state.renewals.get(leaseId) ?? 0) + 1);
    stream.write(
      frame(rpc.LeaseKeepAliveResponse.encode({ ID: long(leaseId), TTL: long(BigInt(ttlSeconds)) }).finish()),
    );
    setImmediate(step);
  };
  stream.on('data', () => (state.writes.count += 1));
  eachMessage(stream, (request) => {
    const leaseId = bigintFromLong(rpc.LeaseKeepAliveRequest.decode(request).ID);
    if (queue.includes(leaseId)) state.doubled.add(leaseId);
    queue.push(leaseId);
    if (queue.length === 1) setImmediate(step);
  });
}

function eachMessage(stream: ServerHttp2Stream, visit: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      visit(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
  });
}
