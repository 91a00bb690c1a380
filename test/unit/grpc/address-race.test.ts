/** Which of a name's addresses is connected to, on fake time and with connections that the test answers. */
import { EventEmitter } from 'node:events';
import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  addressFailed,
  addressRace,
  type AddressRace,
  type AddressRaceParts,
  type Trial,
} from '../../../src/grpc/address-race.js';
import type { GuardedTimers } from '../../../src/wire/guarded-timers.js';
import { globalTimers } from '../../support/global-timers.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakeTrial extends EventEmitter {
  readonly address: string;
  isDestroyed = false;
  isUnref = false;

  constructor(address: string) {
    super();
    this.address = address;
  }

  destroy(): this {
    this.isDestroyed = true;
    return this;
  }

  unref(): this {
    this.isUnref = true;
    return this;
  }
}

const LIMIT_MS = 5_000;
let nextPort = 1;

/** A name of its own, since what was found out about it is remembered. */
class Name {
  readonly port = nextPort++;
  readonly trials: FakeTrial[] = [];
  addresses: LookupAddress[];
  failure: Error | null = null;

  constructor(...addresses: string[]) {
    this.addresses = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  }

  look(more: Partial<AddressRaceParts> = {}): { readonly race: AddressRace; readonly answers: (string | Error)[] } {
    const answers: (string | Error)[] = [];
    const race = addressRace(this.port, {
      timers: globalTimers,
      limitMs: LIMIT_MS,
      resolve: (_host, callback) => callback(this.failure, this.failure === null ? this.addresses : undefined),
      open: (address) => {
        const trial = new FakeTrial(address);
        this.trials.push(trial);
        return trial as unknown as Trial; // what the race uses of a socket
      },
      ...more,
    });
    race.lookup('etcd.test', {}, (error, address) => answers.push(error ?? String(address)));
    return { race, answers };
  }

  get tried(): string[] {
    return this.trials.map(({ address }) => address);
  }

  trial(address: string): FakeTrial {
    const found = this.trials.findLast((trial) => trial.address === address);
    if (found === undefined) throw new Error(`${address} is not tried`);
    return found;
  }
}

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

describe('the addresses of a name', () => {
  it.each([
    [undefined, false],
    ['unref', true],
  ] as const)('keep the process alive while they are tried, unless that is not wanted (%s)', (whileIdle, isUnref) => {
    const name = new Name('10.0.0.1', '10.0.0.2', '10.0.0.3');
    const made: NodeJS.Timeout[] = [];
    const setTimeout: GuardedTimers['setTimeout'] = (callback, delayMs) => {
      const timer = globalTimers.setTimeout(callback, delayMs);
      made.push(timer);
      return timer;
    };
    name.look({ whileIdle, timers: { ...globalTimers, setTimeout } });
    vi.advanceTimersByTime(250);
    expect(name.trials.map((trial) => trial.isUnref)).toEqual([isUnref, isUnref]);
    expect(made.map((timer) => timer.hasRef())).toEqual([!isUnref, !isUnref, !isUnref]);
  });

  it('that has only one are not tried out: it is connected to', () => {
    const name = new Name('10.0.0.1');
    expect(name.look().answers).toEqual(['10.0.0.1']);
    expect(name.trials).toEqual([]);
  });

  it('are tried with a head start of 250 ms each, the families by turns; the first that accepts is it', () => {
    const name = new Name('fd00::1', 'fd00::2', '10.0.0.1', '10.0.0.2');
    const { answers } = name.look();
    expect(name.tried).toEqual(['fd00::1']);
    vi.advanceTimersByTime(250);
    expect(name.tried).toEqual(['fd00::1', '10.0.0.1']);
    // A round trip may take longer than the head start: nobody is given up for it.
    vi.advanceTimersByTime(2_000);
    expect(name.tried).toEqual(['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2']);
    expect(answers).toEqual([]);
    name.trial('10.0.0.1').emit('connect');
    expect(answers).toEqual(['10.0.0.1']);
    expect(name.trials.map(({ isDestroyed }) => isDestroyed)).toEqual([true, true, true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are tried at once when the one before refuses', () => {
    const name = new Name('fd00::1', '10.0.0.1');
    const { answers } = name.look();
    name.trial('fd00::1').emit('error', refused);
    expect(name.tried).toEqual(['fd00::1', '10.0.0.1']);
    name.trial('10.0.0.1').emit('connect');
    expect(answers).toEqual(['10.0.0.1']);
  });

  it('that all refuse are told as the last of them', () => {
    const name = new Name('fd00::1', '10.0.0.1');
    const { answers } = name.look();
    for (const address of name.addresses) name.trial(address.address).emit('error', refused);
    expect(answers).toEqual([refused]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of which none answers are given up in the time for connecting', () => {
    const name = new Name('fd00::1', '10.0.0.1');
    const { answers } = name.look();
    vi.advanceTimersByTime(LIMIT_MS);
    expect(answers).toEqual([expect.objectContaining({ code: 'ETIMEDOUT' })]);
    expect(name.trials.every(({ isDestroyed }) => isDestroyed)).toBe(true);
  });

  it('are not tried out again while the one that accepted is still there', () => {
    const name = new Name('10.0.0.1', '10.0.0.2');
    name.look();
    name.trial('10.0.0.1').emit('connect');
    expect(name.look().answers).toEqual(['10.0.0.1']);
    expect(name.trials).toHaveLength(1);
    // The name has moved.
    name.addresses = [
      { address: '10.0.0.8', family: 4 },
      { address: '10.0.0.9', family: 4 },
    ];
    name.look();
    expect(name.tried).toEqual(['10.0.0.1', '10.0.0.8']);
  });

  it('begin with another one after the one that accepted led to no member', () => {
    const name = new Name('10.0.0.1', '10.0.0.2');
    name.look();
    name.trial('10.0.0.1').emit('connect');
    addressFailed('etcd.test', name.port);
    name.look();
    expect(name.tried).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('are given up when nobody waits for them any more, whatever comes then', () => {
    const name = new Name('10.0.0.1', '10.0.0.2');
    const { race, answers } = name.look();
    race.cancel();
    race.cancel();
    name.trial('10.0.0.1').emit('error', refused);
    name.trial('10.0.0.1').emit('connect');
    expect(answers).toEqual([]);
    expect(name.trials).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that cannot be found, or are none, are an error', () => {
    const name = new Name();
    expect(name.look().answers).toEqual([expect.any(Error)]);
    name.failure = refused;
    expect(name.look().answers).toEqual([refused]);
  });
});
