import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../src/embedded/clock.js';
import { KeepAliveStream } from '../../../../src/embedded/lease/keep-alive-stream.js';
import { Lessor } from '../../../../src/embedded/lease/lessor.js';
import { KvStore } from '../../../../src/embedded/store/kv-store.js';

function setUp(): {
  store: KvStore;
  clock: ManualClock;
  lessor: Lessor;
  put: (key: string, lease?: bigint) => void;
  changes: string[];
} {
  const store = new KvStore();
  const clock = new ManualClock();
  let next = 100n;
  const lessor = new Lessor(store, clock, () => (next += 1n));
  const changes: string[] = [];
  store.onChange((revision, changed) => {
    for (const { keyText, version } of changed)
      if (version === 0) changes.push(`${keyText}@${String(revision)} ${String(clock.nowMs())}`);
  });
  const put = (key: string, lease = 0n): void => {
    store.write((writer) => writer.put(Buffer.from(key), Buffer.from('v'), lease));
  };
  return { store, clock, lessor, put, changes };
}

describe('granting', () => {
  it('raises a TTL to two seconds, takes one of 9,000,000,000 seconds and refuses more before it looks at the id', () => {
    const { lessor } = setUp();
    for (const ttl of [-5n, 0n, 1n, 2n]) expect(lessor.grant(0n, ttl).ttlSeconds).toBe(2);
    expect(lessor.grant(7n, 9_000_000_000n)).toEqual({ id: 7n, ttlSeconds: 9_000_000_000 });
    expect(() => lessor.grant(7n, 9_000_000_001n)).toThrow('etcdserver: too large lease TTL');
  });

  it('takes any id but one that is in use, and draws one that is free', () => {
    const { lessor } = setUp();
    expect(lessor.grant(-3n, 10n).id).toBe(-3n);
    expect(() => lessor.grant(-3n, 10n)).toThrow('etcdserver: lease already exists');
    lessor.grant(101n, 10n);
    expect(lessor.grant(0n, 10n).id).toBe(102n);
  });

  it('lists the leases by their expiry', () => {
    const { lessor, clock } = setUp();
    lessor.grant(1n, 100n);
    lessor.grant(2n, 50n);
    lessor.grant(3n, 75n);
    expect(lessor.list()).toEqual([2n, 3n, 1n]);
    clock.advance(40_000);
    lessor.renew(2n);
    expect(lessor.list()).toEqual([3n, 2n, 1n]);
  });
});

describe('keys', () => {
  it('move with a put under another lease and leave with a put without one or a deletion', () => {
    const { lessor, put, store } = setUp();
    lessor.grant(1n, 100n);
    lessor.grant(2n, 100n);
    for (const key of ['a', 'b', 'c', 'd']) put(key, 1n);
    put('a', 2n);
    put('b');
    put('d', 1n);
    store.write((writer) => writer.delete({ kind: 'key', key: 'c' }));
    expect(lessor.keysOf(1n)).toEqual(['d']);
    expect(lessor.keysOf(2n)).toEqual(['a']);
  });

  it('are deleted in order and in one revision when their lease is revoked; without keys there is no revision', () => {
    const { lessor, put, store, changes } = setUp();
    lessor.grant(1n, 100n);
    for (const key of ['zz', 'b', 'q0', 'a']) put(key, 1n);
    lessor.revoke(1n);
    expect(changes).toEqual(['a@6 0', 'b@6 0', 'q0@6 0', 'zz@6 0']);
    expect(() => {
      lessor.revoke(1n);
    }).toThrow('etcdserver: requested lease not found');
    lessor.grant(2n, 100n);
    lessor.revoke(2n);
    expect(store.revision).toBe(6);
  });
});

describe('expiry', () => {
  it('comes with the first half second at or after the end of the TTL', () => {
    const { lessor, put, clock, changes } = setUp();
    clock.advance(120);
    lessor.grant(1n, 2n);
    put('k', 1n);
    clock.advance(2_379);
    expect(lessor.timeToLive(1n)).toEqual({ grantedSeconds: 2, remainingSeconds: 0, keys: ['k'] });
    expect(changes).toEqual([]);
    clock.advance(1);
    expect(changes).toEqual(['k@3 2500']);
    expect(lessor.timeToLive(1n)).toBeUndefined();
  });

  it('is put off by a renewal, by a whole TTL', () => {
    const { lessor, clock } = setUp();
    lessor.grant(1n, 5n);
    clock.advance(4_900);
    expect(lessor.renew(1n)).toEqual({ kind: 'renewed', ttlSeconds: 5 });
    clock.advance(4_999);
    expect(lessor.has(1n)).toBe(true);
    clock.advance(501);
    expect(lessor.has(1n)).toBe(false);
  });

  it('of very many leases goes on at 500 a half second, each with a revision of its own', () => {
    const { lessor, put, clock, changes } = setUp();
    for (let id = 1n; id <= 1_200n; id += 1n) {
      lessor.grant(id, 2n);
      put(`k${String(id)}`, id);
    }
    clock.advance(3_000);
    const at = (ms: number): number => changes.filter((change) => change.endsWith(` ${String(ms)}`)).length;
    expect([at(2_000), at(2_500), at(3_000)]).toEqual([500, 500, 200]);
    expect(new Set(changes.map((change) => change.split(/[@ ]/)[1])).size).toBe(1_200);
  });

  it('does not take a lease that was granted anew under the id of a revoked one', () => {
    const { lessor, clock } = setUp();
    lessor.grant(1n, 2n);
    lessor.revoke(1n);
    lessor.grant(1n, 60n);
    clock.advance(30_000);
    expect(lessor.timeToLive(1n)).toMatchObject({ grantedSeconds: 60, remainingSeconds: 30 });
  });

  it('stops with the server', () => {
    const { lessor, clock } = setUp();
    lessor.grant(1n, 2n);
    lessor.close();
    clock.advance(10_000);
    expect(lessor.has(1n)).toBe(true);
  });
});

describe('a stream of renewals', () => {
  function open(lessor: Lessor, store: KvStore): { stream: KeepAliveStream; answers: string[] } {
    const answers: string[] = [];
    const stream = new KeepAliveStream(lessor, {
      revision: () => store.revision,
      answer: (revision, id, ttl) => answers.push(`${String(id)}: ${String(ttl)} @${String(revision)}`),
      end: () => answers.push('end'),
    });
    return { stream, answers };
  }

  it('answers in order, with a TTL of 0 for a lease that is not there, and ends after a half-close', () => {
    const { lessor, store } = setUp();
    lessor.grant(1n, 10n);
    const { stream, answers } = open(lessor, store);
    for (const id of [1n, 9n, 0n, 1n]) stream.request(id);
    stream.halfClose();
    expect(answers).toEqual(['1: 10 @1', '9: 0 @1', '0: 0 @1', '1: 10 @1', 'end']);
  });

  it('waits with all that follows while a lease whose time is over has not been revoked', () => {
    const { lessor, store, put, clock } = setUp();
    clock.advance(100);
    lessor.grant(1n, 2n);
    lessor.grant(2n, 60n);
    put('k', 1n);
    clock.advance(2_100);
    const { stream, answers } = open(lessor, store);
    stream.request(1n);
    stream.request(2n);
    stream.halfClose();
    expect(answers).toEqual([]);
    clock.advance(300);
    expect(answers).toEqual(['1: 0 @2', '2: 60 @3', 'end']);
  });

  it('that is closed while it waits answers nothing more', () => {
    const { lessor, store, clock } = setUp();
    clock.advance(100);
    lessor.grant(1n, 2n);
    clock.advance(2_100);
    const { stream, answers } = open(lessor, store);
    stream.request(1n);
    stream.close();
    clock.advance(1_000);
    expect(answers).toEqual([]);
  });
});
