/**
 * Watches that are refused for the token of their stream: another stream is opened with the next token, what was created before is
 * handed over, and nobody else is touched. Against the scripted etcd, which judges creations by the token of the stream.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TokenSource } from '../../../../src/member/token-source.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { SettlingRig } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

const INVALID = 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token';
const OLD = 'rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old';
const DENIED = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Tokens t1, t2, … of which each login gives the next. */
class CountingTokens implements TokenSource {
  readonly isUsed = true;
  logins = 0;
  current = 1;
  /** Why there is no next one. */
  failure: EtcdError | undefined;
  #running: Promise<void> | undefined;
  /** How long a login takes. */
  delayMs = 0;

  headers(): { readonly token: string } {
    return { token: `t${String(this.current)}` };
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  refused(headers: Readonly<Record<string, string>>): Promise<void> {
    if (headers['token'] !== this.headers().token) return Promise.resolve();
    this.#running ??= this.#login().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #login(): Promise<void> {
    if (this.delayMs === 0) await Promise.resolve();
    else await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    this.logins += 1;
    if (this.failure !== undefined) throw this.failure;
    this.current += 1;
  }
}

interface World {
  readonly rig: SettlingRig;
  readonly tokens: CountingTokens;
  /** How many creations were refused. */
  refusals(): number;
  /** The tokens that the server takes, and what it says to others. */
  judge(isGood: (token: string | undefined, key: string) => boolean, reason: string): void;
  /** The tokens of the streams that are open. */
  streams(): (string | undefined)[];
}

function world(version = '3.5.16'): World {
  const tokens = new CountingTokens();
  const rig = new SettlingRig({ version }, {}, tokens);
  const [member] = rig.server.members;
  if (member === undefined) throw new Error('a server has members');
  let refused = 0;
  return {
    rig,
    tokens,
    refusals: () => refused,
    judge: (isGood, reason) => {
      member.refuse = (key, token) => {
        if (isGood(token, key)) return undefined;
        refused += 1;
        return reason;
      };
    },
    streams: () => rig.server.streams().map(({ token }) => token),
  };
}

describe('a token that has run out', () => {
  it.each([INVALID, OLD])('is renewed once for all that are refused with it (%s)', async (reason) => {
    const { rig, tokens, judge, streams } = world();
    rig.watch(watchSpec({ watch: 1, key: 'before' }));
    await rig.settle(100);
    judge((token) => token !== 't1', reason);
    for (let watch = 2; watch < 102; watch += 1) rig.watch(watchSpec({ watch, key: `k${String(watch)}` }));
    await rig.settle(10_000);
    expect(tokens.logins).toBe(1);
    for (let watch = 1; watch < 102; watch += 1) {
      expect(rig.get(watch)).toMatchObject({ createdCount: 1, ended: undefined });
    }
    // What was created before has been handed over, and its stream is closed.
    expect(streams()).toEqual(['t2']);
    rig.server.store.write({ put: 'before' });
    rig.server.store.write({ put: 'k50' });
    await rig.settle(100);
    expect([rig.revisions(1).length, rig.revisions(50).length]).toEqual([1, 1]);
  });

  it('loses and doubles nothing of what is written while streams change, however often', async () => {
    const { rig, tokens, judge } = world();
    rig.watch(watchSpec({ watch: 1, key: 'k' }));
    await rig.settle(100);
    const first = rig.server.store.revision + 1;
    for (let round = 1; round <= 8; round += 1) {
      const good = tokens.current + 1;
      judge((token) => token === `t${String(good)}`, INVALID);
      rig.watch(watchSpec({ watch: 1 + round, key: 'other' }));
      for (let write = 0; write < 10; write += 1) {
        rig.server.store.write({ put: 'k' });
        await rig.settle(round % 2 === 0 ? 50 : 0);
      }
      // At most the one in use, and one that drains.
      for (const lane of rig.engine.lanes.all) expect(lane.draining.size).toBeLessThanOrEqual(1);
    }
    await rig.settle(10_000);
    expect(rig.revisions(1)).toEqual(Array.from({ length: 80 }, (_, index) => first + index));
    for (let watch = 2; watch < 10; watch += 1) expect(rig.get(watch).createdCount).toBe(1);
  });

  it.each([
    ['3.5.16', INVALID],
    ['3.5.5', DENIED],
  ])(
    'that is renewed slowly, and again and again, ends no watch that is to be handed over (etcd %s)',
    async (version, reason) => {
      const { rig, tokens, judge, streams } = world(version);
      rig.watch(watchSpec({ watch: 1, key: 'k' }));
      await rig.settle(100);
      tokens.delayMs = 3_000;
      for (let round = 0; round < 10; round += 1) {
        const good = `t${String(tokens.current + 1)}`;
        judge((token) => token === good, reason);
        for (const connection of rig.server.connections()) connection.goaway();
        await rig.settle(6_000);
        rig.server.store.write({ put: 'k' });
        await rig.settle(50);
      }
      await rig.settle(10_000);
      expect(rig.get(1).ended).toBeUndefined();
      expect(rig.revisions(1)).toHaveLength(10);
      expect(streams()).toHaveLength(1);
    },
  );

  it('ends the refused watch where there is no other, and no watch that was created before', async () => {
    const { rig, tokens, judge } = world();
    rig.watch(watchSpec({ watch: 1, key: 'before' }));
    await rig.settle(100);
    judge(() => false, INVALID);
    tokens.failure = new EtcdError('etcdserver: authentication failed, invalid user ID or password', {
      code: 'unauthenticated',
      outcome: 'refused',
    });
    rig.watch(watchSpec({ watch: 2, key: 'k' }));
    await rig.settle(5_000);
    expect(rig.get(2).ended?.error?.code).toBe('unauthenticated');
    rig.server.store.write({ put: 'before' });
    await rig.settle(100);
    expect(rig.get(1).ended).toBeUndefined();
    expect(rig.revisions(1)).toHaveLength(1);
  });

  it('is asked for again, ever more rarely, while no login can be asked for', async () => {
    const { rig, tokens, judge } = world();
    rig.watch(watchSpec({ watch: 1, key: 'before' }));
    await rig.settle(100);
    judge((token) => token !== 't1', INVALID);
    tokens.failure = new EtcdError('gone', { code: 'unavailable', outcome: 'unknown' });
    rig.watch(watchSpec({ watch: 2, key: 'k' }));
    await rig.settle(60_000);
    expect(rig.get(2)).toMatchObject({ createdCount: 0, ended: undefined });
    // 100, 200 … ms, and then one in some five seconds.
    expect(tokens.logins).toBeLessThan(35);
    expect(tokens.logins).toBeGreaterThan(8);
    tokens.failure = undefined;
    await rig.settle(10_000);
    expect(rig.get(2).createdCount).toBe(1);
  });

  it('is believed in the end where every next one is refused as well', async () => {
    const { rig, tokens, judge } = world();
    judge(() => false, INVALID);
    rig.watch(watchSpec({ watch: 1, key: 'k' }));
    await rig.settle(30_000);
    expect(rig.get(1).ended?.error?.code).toBe('unauthenticated');
    expect(tokens.logins).toBeLessThanOrEqual(5);
  });
});

describe('a missing permission', () => {
  it('is believed at once by releases that tell tokens apart', async () => {
    const { rig, tokens, judge, refusals } = world('3.5.16');
    judge((_token, key) => key !== 'secret', DENIED);
    rig.watch(watchSpec({ watch: 1, key: 'k' }), watchSpec({ watch: 2, key: 'secret' }));
    await rig.settle(5_000);
    expect(rig.get(2).ended?.error?.code).toBe('permission-denied');
    expect([tokens.logins, refusals()]).toEqual([0, 1]);
    expect(rig.get(1)).toMatchObject({ createdCount: 1, ended: undefined });
  });

  it('is believed for the second token by releases that tell a bad token so', async () => {
    const { rig, tokens, judge, refusals } = world('3.5.5');
    judge((_token, key) => key !== 'secret', DENIED);
    rig.watch(watchSpec({ watch: 1, key: 'k' }), watchSpec({ watch: 2, key: 'secret' }));
    await rig.settle(5_000);
    expect(rig.get(2).ended?.error?.code).toBe('permission-denied');
    expect([tokens.logins, refusals()]).toEqual([1, 2]);
    expect(rig.get(1)).toMatchObject({ createdCount: 1, ended: undefined });
  });

  it('of a bad token is mended by the next one on such a release', async () => {
    const { rig, tokens, judge } = world('3.4.21');
    judge((token) => token !== 't1', DENIED);
    rig.watch(watchSpec({ watch: 1, key: 'k' }));
    await rig.settle(5_000);
    expect(rig.get(1)).toMatchObject({ createdCount: 1, ended: undefined });
    expect(tokens.logins).toBe(1);
  });

  it('ends a watch that was to be handed over, and no other of its stream', async () => {
    const { rig, judge, streams } = world();
    rig.watch(watchSpec({ watch: 1, key: 'k' }), watchSpec({ watch: 2, key: 'lost' }));
    await rig.settle(100);
    judge((_token, key) => key !== 'lost', DENIED);
    for (const connection of rig.server.connections()) connection.goaway();
    await rig.settle(5_000);
    expect(rig.get(2).ended?.error?.code).toBe('permission-denied');
    expect(rig.get(1).ended).toBeUndefined();
    expect(streams()).toEqual(['t1']);
  });
});

describe('another user', () => {
  it('takes every watch over on streams of its own', async () => {
    const { rig, tokens, streams } = world();
    rig.watch(watchSpec({ watch: 1, key: 'k' }), watchSpec({ watch: 2, key: 'other' }));
    await rig.settle(100);
    tokens.current = 7;
    rig.engine.userChanged();
    for (let write = 0; write < 20; write += 1) {
      rig.server.store.write({ put: 'k' });
      await rig.settle(write % 3 === 0 ? 100 : 0);
    }
    await rig.settle(5_000);
    expect(streams()).toEqual(['t7']);
    expect(rig.revisions(1)).toHaveLength(20);
    expect(rig.get(2).ended).toBeUndefined();
  });
});
