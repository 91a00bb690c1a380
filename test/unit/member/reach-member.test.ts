import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../src/wire/errors.js';
import { serverError } from '../../../src/wire/server-errors.js';
import { tellsEveryCompaction, trustsRequestedProgress } from '../../../src/member/server-version.js';
import { reachMember, type ReachedMember } from '../../../src/member/reach-member.js';
import { StoreGuard } from '../../../src/member/store-guard.js';
import type { ShardContext } from '../../../src/workers/shard-context.js';
import type { GrpcConnection } from '../../../src/grpc/grpc-connection.js';
import { writeFields } from '../../support/raw-protobuf.js';

const CLUSTER = 0xffff_0000_1234_5678n;

interface Header {
  readonly clusterId?: bigint;
  readonly revision: number;
  readonly term?: number;
}

function header({ clusterId = CLUSTER, revision, term = 2 }: Header): Uint8Array {
  return writeFields([
    [1, clusterId],
    [3, revision],
    [4, term],
  ]);
}

/** A member whose answers to Status and to linearizable reads are scripted. */
function reach(
  guard: StoreGuard,
  status: () => Uint8Array | EtcdError,
  range: () => Uint8Array | EtcdError,
): { readonly reached: Promise<ReachedMember>; readonly asked: string[]; readonly closed: () => boolean } {
  const asked: string[] = [];
  let closed = false;
  const endpoint = { kind: 'tcp', tls: false, host: 'fake', port: 1, text: 'fake:1' } as const;
  const connection: GrpcConnection = {
    endpoint,
    freeStreams: 1,
    acceptsStreams: true,
    ready: async () => undefined,
    openStream: () => {
      throw new Error('not used here');
    },
    unary: async (path) => {
      asked.push(path.slice(path.lastIndexOf('/') + 1));
      const answer = path.endsWith('/Range') ? range() : status();
      if (answer instanceof EtcdError) throw answer;
      return answer;
    },
    hold: () => undefined,
    release: () => undefined,
    close: () => {
      closed = true;
    },
  };
  const context = {
    openConnection: () => connection,
    settings: { connectTimeoutMs: 1000, endpoints: [endpoint] },
    metadata: () => ({}),
  } as unknown as ShardContext; // only what reaching a member uses
  const { settings } = context;
  const { found } = reachMember({
    context,
    settings,
    endpoint,
    answerTimeoutMs: 1_000,
    isForeign: (text, clusterId) => guard.identify(text, clusterId, settings) === 'foreign',
    store: { guard, probeKey: Uint8Array.of(1) },
    handlers: { onGoaway: () => undefined, onClose: () => undefined },
  });
  return { reached: found, asked, closed: () => closed };
}

const statusOf = (head: Header, rest: readonly (readonly [number, number | string | boolean])[] = []): Uint8Array =>
  writeFields([[1, header(head)], [2, '3.5.16'], ...rest]);
const rangeOf = (head: Header): Uint8Array => writeFields([[1, header(head)]]);
const unused = (): Uint8Array => {
  throw new Error('not asked here');
};

function guardAt(revision: number, raftTerm = 2n): StoreGuard {
  return new StoreGuard({ clusterId: CLUSTER, revision, raftTerm });
}

describe('reachMember', () => {
  it('takes a member that is at least where the store was, without another question', async () => {
    const guard = guardAt(100);
    const { reached, asked } = reach(guard, () => statusOf({ revision: 100 }), unused);
    expect(await reached).toMatchObject({ status: { version: '3.5.16' }, storeReset: false });
    expect(asked).toEqual(['Status']);
  });

  it('asks a quorum where the member is behind, and takes it where it only lags', async () => {
    const guard = guardAt(100);
    const { reached, asked } = reach(
      guard,
      () => statusOf({ revision: 90 }),
      () => rangeOf({ revision: 105 }),
    );
    expect((await reached).storeReset).toBe(false);
    expect(asked).toEqual(['Status', 'Range']);
    expect(guard.revision).toBe(105);
  });

  it('takes no note of what streams tell while the quorum answers: a reset is judged by what was known before', async () => {
    const guard = guardAt(100);
    const { reached } = reach(
      guard,
      () => statusOf({ revision: 90 }),
      () => {
        guard.noteAnswer({ revision: 104, clusterIdLow: 0x1234_5678, clusterIdHigh: 0xffff_0000 }, 0);
        return rangeOf({ revision: 103 });
      },
    );
    expect((await reached).storeReset).toBe(false);
    expect(guard.revision).toBe(104);
  });

  it('reports a store whose quorum is behind what was seen, and starts anew with it', async () => {
    const guard = guardAt(100);
    const { reached } = reach(
      guard,
      () => statusOf({ revision: 5 }),
      () => rangeOf({ revision: 6 }),
    );
    expect((await reached).storeReset).toBe(true);
    expect(guard.revision).toBe(6);
  });

  it('reports a reset once where another lane has found it out meanwhile', async () => {
    const guard = guardAt(100);
    const { reached, asked } = reach(
      guard,
      () => statusOf({ revision: 5 }),
      () => {
        if (guard.revision === 100) guard.restart({ clusterId: CLUSTER, memberId: 1n, revision: 7, raftTerm: 2n });
        return rangeOf({ revision: asked.length > 2 ? 8 : 6 });
      },
    );
    expect((await reached).storeReset).toBe(false);
    expect(asked).toEqual(['Status', 'Range', 'Range']);
  });

  it('reports another cluster at once', async () => {
    const { reached, asked } = reach(guardAt(100), () => statusOf({ clusterId: 9n, revision: 1000 }), unused);
    expect((await reached).storeReset).toBe(true);
    expect(asked).toEqual(['Status']);
  });

  it.each([
    { by: 'etcd, which keeps it for root', error: serverError(7, 'etcdserver: permission denied'), isWithheld: true },
    {
      by: 'etcd through a proxy',
      error: serverError(7, 'etcdserver: permission denied', { endpoint: 'http://a' }),
      isWithheld: true,
    },
    { by: 'a proxy in words of its own', error: serverError(7, 'permission denied'), isWithheld: false },
    {
      by: 'a text that only resembles',
      error: serverError(7, 'etcdserver: permission denied for you'),
      isWithheld: false,
    },
    { by: 'HTTP 403', error: new EtcdError('HTTP status 403', { code: 'permission-denied' }), isWithheld: false },
    { by: 'a server that has none', error: serverError(12, 'unknown method Status'), isWithheld: false },
  ])('falls back to a read where Status is refused by $by', async ({ error, isWithheld }) => {
    const guard = guardAt(1);
    const { reached } = reach(
      guard,
      () => error,
      () => rangeOf({ revision: 5 }),
    );
    const { status, storeReset } = await reached;
    expect({ version: status.version, isWithheld: status.isWithheld, storeReset }).toEqual({
      version: '',
      isWithheld,
      storeReset: false,
    });
    // Only etcds that keep it for themselves are known to be new enough.
    expect([trustsRequestedProgress(status), tellsEveryCompaction(status)]).toEqual([isWithheld, isWithheld]);
    expect(guard.revision).toBe(5);
  });

  it('takes a member that withholds its status from a user who may not read the key either', async () => {
    const guard = guardAt(100);
    const denied = serverError(7, 'etcdserver: permission denied');
    const { reached, asked } = reach(
      guard,
      () => denied,
      () => denied,
    );
    expect((await reached).storeReset).toBe(false);
    expect(asked).toEqual(['Status', 'Range']);
    expect(guard.revision).toBe(100);
  });

  it('does not take a member whose Status fails for another reason', async () => {
    const { reached, closed } = reach(guardAt(1), () => serverError(14, 'etcdserver: request timed out'), unused);
    await expect(reached).rejects.toMatchObject({ code: 'unavailable' });
    expect(closed()).toBe(true);
  });

  it('gives a learner up, and closes the connection', async () => {
    const { reached, closed } = reach(guardAt(1), () => statusOf({ revision: 5 }, [[10, true]]), unused);
    await expect(reached).rejects.toMatchObject({ code: 'unavailable' });
    expect(closed()).toBe(true);
  });

  it('closes the connection of a member that does not answer in protobuf', async () => {
    const { reached, closed } = reach(guardAt(1), () => Uint8Array.of(0x0a, 0x7f), unused);
    await expect(reached).rejects.toMatchObject({ code: 'malformed-response' });
    expect(closed()).toBe(true);
  });
});
