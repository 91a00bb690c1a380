/** How the connection to a member is opened, kept and opened again, counted on a simulated clock. */
import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import type { LiveConnection } from '../../../../src/main/unary/live-connection.js';
import { settle } from '../../member/simulated-timers.js';
import { linkRig, type LinkRig } from './fake-link.js';

const refused = (): Promise<void> =>
  Promise.reject(new EtcdError('cannot connect', { code: 'connect-failed', outcome: 'not-sent' }));
const MINUTE_MS = 60_000;
const CALLERS = 16;

/** Callers that ask for the connection every 10 ms, for a minute. */
async function askForAMinute({ link, timers }: LinkRig, each: (live: LiveConnection) => void): Promise<void> {
  for (let spentMs = 0; spentMs < MINUTE_MS; spentMs += 10) {
    const asked = Array.from({ length: CALLERS }, () => link.usable(true).then(each, () => undefined));
    await Promise.all(asked);
    timers.nowMs += 10;
  }
}

describe('a connection that is asked for again and again', () => {
  it('is tried about once a second where it is refused, however many calls ask for it', async () => {
    const rig = linkRig(refused);
    await askForAMinute(rig, () => expect.unreachable());
    // After 0, 50, 150, 350, 750 and 1,550 ms, then each second.
    expect(rig.opened).toHaveLength(5 + 60 - 1);
    expect(rig.failures).toHaveLength(rig.opened.length);
  });

  it('is made about once a second where it is lost each time before it has brought an answer', async () => {
    const rig = linkRig(() => Promise.resolve());
    await askForAMinute(rig, ({ connection }) => rig.opened.find((opened) => opened === connection)?.lose());
    expect(rig.opened).toHaveLength(5 + 60 - 1);
  });

  it('is made about once a second where the peer asks to leave it each time before it has brought an answer', async () => {
    const rig = linkRig(() => Promise.resolve());
    await askForAMinute(rig, ({ connection }) => rig.opened.find((opened) => opened === connection)?.leave());
    expect(rig.opened).toHaveLength(5 + 60 - 1);
  });

  it('is made about once a second where it takes no call from the start', async () => {
    const rig = linkRig(async () => {
      await Promise.resolve();
      rig.opened.at(-1)?.close();
    });
    await askForAMinute(rig, () => expect.unreachable());
    expect(rig.opened).toHaveLength(5 + 60 - 1);
  });

  it('is made at once again where it has brought an answer', async () => {
    const rig = linkRig(() => Promise.resolve());
    for (let turn = 0; turn < 10; turn += 1) {
      const live = await rig.link.usable(true);
      live.answered();
      rig.opened.at(-1)?.lose();
    }
    expect(rig.opened).toHaveLength(10);
  });

  it('tells during the pause why the last attempt failed', async () => {
    const { link } = linkRig(refused);
    for (let turn = 0; turn < 2; turn += 1)
      await expect(link.usable(true)).rejects.toMatchObject({
        code: 'unavailable',
        outcome: 'not-sent',
        retryable: true,
      });
  });

  it('is one for all who ask at once, and stays', async () => {
    const rig = linkRig(() => Promise.resolve());
    const lives = await Promise.all([rig.link.usable(true), rig.link.usable(false), rig.link.usable(true)]);
    expect(new Set([...lives, rig.link.ready(true)]).size).toBe(1);
    expect(rig.opened).toHaveLength(1);
  });
});

describe('a connection that is left', () => {
  it('is closed when its last call is over, and at once where there is none', async () => {
    const rig = linkRig(() => Promise.resolve());
    const old = await rig.link.usable(true);
    old.began();
    rig.link.giveUp(old);
    expect(rig.link.ready(true)).toBeUndefined();
    expect(rig.opened[0]?.isClosed).toBe(false);
    old.ended();
    expect(rig.opened[0]?.isClosed).toBe(true);
    rig.timers.nowMs += 50;
    rig.link.giveUp(await rig.link.usable(true));
    expect(rig.opened[1]?.isClosed).toBe(true);
  });

  it('is ended by the end of the link, with all calls on it', async () => {
    const rig = linkRig(() => Promise.resolve());
    const old = await rig.link.usable(true);
    old.answered();
    old.began();
    rig.opened[0]?.leave();
    await rig.link.usable(true);
    rig.link.close();
    expect(rig.opened.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    await expect(rig.link.usable(true)).rejects.toMatchObject({ code: 'closed', outcome: 'not-sent' });
  });
});

describe('the question which cluster a member belongs to', () => {
  it('is asked once for all calls, before the first, and not for calls that are for this member only', async () => {
    let answer: (isTold: boolean) => void = () => undefined;
    let asked = 0;
    const rig = linkRig(() => Promise.resolve(), {
      identify: () => {
        asked += 1;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    await rig.link.usable(false);
    expect([asked, rig.link.ready(false) !== undefined, rig.link.ready(true)]).toEqual([0, true, undefined]);
    const waiting = [rig.link.usable(true), rig.link.usable(true)];
    await settle();
    answer(true);
    await Promise.all(waiting);
    await rig.link.usable(true);
    expect(asked).toBe(1);
  });

  it('is asked about once a second where no answer comes of it', async () => {
    let asked = 0;
    const rig = linkRig(() => Promise.resolve(), {
      identify: () => {
        asked += 1;
        return Promise.reject(new EtcdError('not yet', { code: 'unavailable', outcome: 'not-sent' }));
      },
    });
    await askForAMinute(rig, () => expect.unreachable());
    expect([asked, rig.opened.length]).toEqual([5 + 60 - 1, 1]);
  });
});
