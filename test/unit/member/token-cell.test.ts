/** The one token of a thread, on simulated time: logins are shared, spaced, and not repeated while they are refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TokenCell, type LoginRequest } from '../../../src/member/token-cell.js';
import { EtcdError } from '../../../src/wire/errors.js';
import type { HeldToken } from '../../../src/wire/shard-auth.js';
import { settle, SimulatedTimers } from './simulated-timers.js';

const REFUSED = new EtcdError('etcdserver: authentication failed, invalid user ID or password', {
  code: 'unauthenticated',
  outcome: 'refused',
});
const NONE: HeldToken = { kind: 'none' };

let timers: SimulatedTimers;
let logins: LoginRequest[];
let answer: (number: number) => Promise<HeldToken>;
let renewed: HeldToken[];

beforeEach(() => {
  timers = new SimulatedTimers();
  logins = [];
  renewed = [];
  answer = (number) => Promise.resolve({ kind: 'token', token: `t${String(number)}` });
});

function cell(held: HeldToken = NONE): TokenCell {
  return new TokenCell({
    held,
    login: (request) => {
      logins.push(request);
      return answer(logins.length);
    },
    onRenewed: (now) => renewed.push(now),
    timers,
    now: () => timers.nowMs,
    random: () => 0,
  });
}

describe('a token', () => {
  it('is got once for all who need it first', async () => {
    const tokens = cell();
    await Promise.all(Array.from({ length: 100 }, () => tokens.ready()));
    expect(logins).toHaveLength(1);
    expect(tokens.headers()).toEqual({ token: 't1' });
    expect(renewed).toEqual([{ kind: 'token', token: 't1' }]);
    await tokens.ready();
    expect(logins).toHaveLength(1);
  });

  it('that came from elsewhere during a login counts, whatever becomes of the login', async () => {
    for (const error of [REFUSED, new EtcdError('gone', { code: 'unavailable' })]) {
      const tokens = cell({ kind: 'token', token: 'old' });
      answer = () => {
        tokens.adopt({ kind: 'token', token: 'found' });
        return Promise.reject(error);
      };
      await tokens.refused(tokens.headers());
      await tokens.ready();
      expect(tokens.headers()).toEqual({ token: 'found' });
    }
  });

  it('is got anew once for all whose calls were refused with it', async () => {
    const tokens = cell({ kind: 'token', token: 'old' });
    const refused = tokens.headers();
    await Promise.all(Array.from({ length: 100 }, () => tokens.refused(refused)));
    expect(logins.map((login) => login.refused)).toEqual([{ kind: 'token', token: 'old' }]);
    // Late ones find that there is another already.
    await tokens.refused(refused);
    expect(logins).toHaveLength(1);
  });

  it('is waited for by calls that begin while another is got', async () => {
    const tokens = cell({ kind: 'token', token: 'old' });
    void tokens.refused(tokens.headers());
    await tokens.ready();
    expect(tokens.headers()).toEqual({ token: 't1' });
  });

  it('is left out where the cluster has no authentication, until a call is refused for want of one', async () => {
    const tokens = cell();
    answer = (number) =>
      Promise.resolve(number === 1 ? { kind: 'unneeded' } : { kind: 'token', token: `t${String(number)}` });
    await tokens.ready();
    expect(tokens.headers()).toEqual({});
    await tokens.ready();
    expect(logins).toHaveLength(1);
    await tokens.refused(tokens.headers());
    expect(tokens.headers()).toEqual({ token: 't2' });
  });
});

describe('a login that is refused', () => {
  it('is told to all who wait, and again without asking the server until its back-off is over', async () => {
    const tokens = cell();
    answer = () => Promise.reject(REFUSED);
    const told = await Promise.allSettled(Array.from({ length: 10 }, () => tokens.ready()));
    expect(told.every((one) => one.status === 'rejected' && one.reason === REFUSED)).toBe(true);
    await timers.pass(900);
    await expect(tokens.ready()).rejects.toBe(REFUSED);
    expect(logins).toHaveLength(1);
    await timers.pass(200);
    await expect(tokens.ready()).rejects.toBe(REFUSED);
    expect(logins.map(({ isRetry }) => isRetry)).toEqual([false, true]);
  });

  it('is tried a bounded number of times however often it is asked for', async () => {
    const tokens = cell();
    answer = () => Promise.reject(REFUSED);
    for (let second = 0; second < 600; second += 1) {
      await tokens.ready().catch(() => undefined);
      await timers.pass(1_000);
    }
    // 1, 2, 4 … seconds, and then one a minute.
    expect(logins.length).toBeLessThanOrEqual(17);
    expect(logins.length).toBeGreaterThan(10);
  });

  it('is tried at once with something else to log in with', async () => {
    const tokens = cell();
    answer = (number) =>
      number === 1 ? Promise.reject(REFUSED) : Promise.resolve({ kind: 'token', token: `t${String(number)}` });
    await expect(tokens.ready()).rejects.toBe(REFUSED);
    tokens.replaced(NONE);
    await tokens.ready();
    expect(tokens.headers()).toEqual({ token: 't2' });
  });

  it('means nothing where there has been something else to log in with since', async () => {
    const tokens = cell();
    let refuse: (error: EtcdError) => void = () => undefined;
    answer = (number) =>
      number === 1
        ? new Promise((_resolve, reject) => {
            refuse = reject;
          })
        : Promise.resolve({ kind: 'token', token: `t${String(number)}` });
    const ready = tokens.ready();
    await settle();
    tokens.replaced(NONE);
    refuse(REFUSED);
    await ready;
    expect(tokens.headers()).toEqual({ token: 't2' });
  });
});

describe('a login that could not be asked for', () => {
  it('is told to who waits, and tried again by the next', async () => {
    const tokens = cell();
    const gone = new EtcdError('gone', { code: 'unavailable', outcome: 'unknown' });
    answer = (number) =>
      number === 1 ? Promise.reject(gone) : Promise.resolve({ kind: 'token', token: `t${String(number)}` });
    await expect(tokens.ready()).rejects.toBe(gone);
    await tokens.ready();
    expect(tokens.headers()).toEqual({ token: 't2' });
  });
});

describe('tokens that do not last', () => {
  it('are asked for ever more rarely, a second apart in the end', async () => {
    const tokens = cell({ kind: 'token', token: 'old' });
    let isOver = false;
    const loop = (async () => {
      while (!isOver) await tokens.refused(tokens.headers());
    })();
    await timers.pass(10_000);
    // Of ten seconds: some at once, then 50, 100, 200, 400, 800 ms, and a second each.
    expect(logins.length).toBeLessThanOrEqual(20);
    expect(logins.length).toBeGreaterThan(8);
    isOver = true;
    await timers.pass(2_000);
    await loop;
  });

  it('cost no pause where they lasted a while', async () => {
    const tokens = cell({ kind: 'token', token: 'old' });
    for (let round = 0; round < 20; round += 1) {
      await timers.pass(3_000);
      await tokens.refused(tokens.headers());
    }
    expect(logins).toHaveLength(20);
  });
});
