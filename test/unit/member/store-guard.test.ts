import { describe, expect, it } from 'vitest';
import { StoreGuard, type AnswerMark } from '../../../src/member/store-guard.js';
import { trustsRequestedProgress } from '../../../src/member/server-version.js';

/** An answer of a stream, of the cluster 7. */
const answer = (revision: number): AnswerMark => ({ revision, clusterIdLow: 7, clusterIdHigh: 0 });

const mark = { clusterId: 7n, revision: 100, raftTerm: 5n };

describe('StoreGuard', () => {
  it.each([
    ['the same', { clusterId: 7n, revision: 100, raftTerm: 5n }, 'forward'],
    ['newer', { clusterId: 7n, revision: 101, raftTerm: 6n }, 'forward'],
    ['an older revision', { clusterId: 7n, revision: 99, raftTerm: 5n }, 'suspicious'],
    ['an older term', { clusterId: 7n, revision: 200, raftTerm: 4n }, 'suspicious'],
    ['another cluster', { clusterId: 8n, revision: 200, raftTerm: 9n }, 'reset'],
    ['no header at all', { clusterId: 0n, revision: 0, raftTerm: 0n }, 'forward'],
  ] as const)('a member that shows %s', (_name, header, verdict) => {
    const guard = new StoreGuard(mark);
    expect(guard.judgeMember({ ...header, memberId: 1n }, guard.knowledge())).toBe(verdict);
    const quorum = verdict === 'suspicious' ? 'reset' : verdict;
    expect(guard.judgeQuorum({ ...header, memberId: 1n }, guard.knowledge())).toBe(quorum);
  });

  it('anything is forward before the first answer', () => {
    const guard = new StoreGuard(undefined);
    const header = { clusterId: 1n, memberId: 1n, revision: 1, raftTerm: 1n };
    expect(guard.judgeMember(header, guard.knowledge())).toBe('forward');
    expect(guard.revision).toBe(0);
  });

  it('keeps the highest revision and term of different answers', () => {
    const guard = new StoreGuard(mark);
    guard.note({ clusterId: 7n, memberId: 1n, revision: 120, raftTerm: 4n });
    guard.note({ clusterId: 7n, memberId: 1n, revision: 110, raftTerm: 9n });
    guard.noteAnswer(answer(115), 0);
    expect(guard.mark).toEqual({ clusterId: 7n, revision: 120, raftTerm: 9n });
    guard.noteAnswer(answer(130), 0);
    expect(guard.revision).toBe(130);
  });

  it('does not believe an answer that names no cluster, or another, or came over a stream to the store before this one', () => {
    const guard = new StoreGuard(mark);
    guard.noteAnswer({ revision: 5_000, clusterIdLow: 0, clusterIdHigh: 0 }, 0);
    guard.noteAnswer({ revision: 5_000, clusterIdLow: 8, clusterIdHigh: 0 }, 0);
    guard.noteAnswer({ revision: 5_000, clusterIdLow: 7, clusterIdHigh: 1 }, 0);
    expect(guard.revision).toBe(100);
    guard.restart({ clusterId: 7n, memberId: 1n, revision: 3, raftTerm: 1n });
    guard.noteAnswer(answer(101), 0);
    expect(guard.revision).toBe(3);
    guard.noteAnswer(answer(4), guard.restarts);
    expect(guard.revision).toBe(4);
  });

  it('learns from other parts of the engine what they saw of the same cluster, and of no other', () => {
    const guard = new StoreGuard(undefined);
    guard.learn({ clusterId: 0n, revision: 9 });
    expect(guard.mark).toBeUndefined();
    guard.learn({ clusterId: 7n, revision: 50 });
    guard.learn({ clusterId: 7n, revision: 40 });
    guard.learn({ clusterId: 8n, revision: 1_000 });
    guard.learn({ clusterId: 7n, revision: 2 ** 53 });
    expect(guard.revision).toBe(50);
    const header = { clusterId: 7n, memberId: 1n, revision: 3, raftTerm: 1n };
    expect(guard.judgeMember(header, guard.knowledge())).toBe('suspicious');
    expect(guard.judgeMember({ ...header, revision: 50 }, guard.knowledge())).toBe('forward');
  });

  it('forgets the old store when it starts anew', () => {
    const guard = new StoreGuard(mark);
    guard.restart({ clusterId: 8n, memberId: 1n, revision: 3, raftTerm: 1n });
    expect(guard.mark).toEqual({ clusterId: 8n, revision: 3, raftTerm: 1n });
  });

  it('hands out copies of what it knows', () => {
    const guard = new StoreGuard(mark);
    const known = guard.knowledge();
    guard.noteAnswer(answer(500), 0);
    expect(known.mark?.revision).toBe(100);
  });
});

describe('trustsRequestedProgress', () => {
  it.each([
    ['', false],
    ['nonsense', false],
    ['2.3.8', false],
    ['3.3.27', false],
    ['3.4.24', false],
    ['3.4.25', true],
    ['3.4.38', true],
    ['3.5.7', false],
    ['3.5.8', true],
    ['3.5.30', true],
    ['3.6.0-rc.1', true],
    ['3.10.0', true],
    ['4.0.0', true],
  ])('%j: %s', (version, trusted) => {
    expect(trustsRequestedProgress({ version, isWithheld: false })).toBe(trusted);
  });
});

describe('which cluster a member belongs to', () => {
  const settings = (count: number, strangers: readonly string[] = []): Parameters<StoreGuard['identify']>[2] => ({
    endpoints: Array.from({ length: count }, (_, index) => ({
      kind: 'tcp',
      tls: false,
      host: 'h',
      port: index,
      text: `e${String(index)}`,
    })),
    clusterId: 7n,
    strangers,
  });

  it('one of another among several is foreign; most of them, and the cluster was made anew', () => {
    const guard = new StoreGuard(undefined);
    expect(guard.identify('e0', 8n, settings(3))).toBe('foreign');
    expect(guard.identify('e0', 8n, settings(3))).toBe('foreign');
    expect(guard.identify('e1', 9n, settings(3))).toBe('foreign');
    expect(guard.identify('e2', 8n, settings(3))).toBe('replaced');
  });

  it('a member that is back in the known cluster takes its voice back', () => {
    const guard = new StoreGuard({ clusterId: 7n, revision: 1, raftTerm: 1n });
    expect(guard.identify('e0', 8n, settings(3))).toBe('foreign');
    expect(guard.identify('e0', 7n, settings(3))).toBe('same');
    expect(guard.identify('e1', 8n, settings(3))).toBe('foreign');
  });

  it('the only endpoint with another cluster behind it means that it was made anew', () => {
    expect(new StoreGuard(undefined).identify('e0', 8n, settings(1))).toBe('replaced');
  });

  it('endpoints that came later have no voice until they were seen to belong to it', () => {
    const guard = new StoreGuard(undefined);
    expect(guard.identify('e0', 8n, settings(1, ['e0']))).toBe('foreign');
    expect(guard.identify('e0', 7n, settings(1, ['e0']))).toBe('same');
    expect(guard.identify('e0', 8n, settings(1, ['e0']))).toBe('replaced');
  });

  it('a member that does not tell is taken as it is', () => {
    expect(new StoreGuard(undefined).identify('e0', 0n, settings(3))).toBe('same');
  });
});
