import { describe, expect, it } from 'vitest';
import { Failover, mayTryAgain } from '../../../../src/main/unary/failover.js';
import { serverError } from '../../../../src/wire/server-errors.js';
import { ETCD_ERRORS } from '../../wire/etcd-errors.js';

describe('mayTryAgain', () => {
  it('repeats a write after no error of etcd but the refusals in front of every handler', () => {
    const repeated = ETCD_ERRORS.filter(([, status, text]) => mayTryAgain(serverError(status, text), false)).map(
      (row) => row[2],
    );
    expect(repeated.sort()).toEqual([
      'etcdserver: no leader',
      'etcdserver: rpc not supported for learner',
      'etcdserver: unhealthy cluster',
    ]);
  });

  it('repeats a read after everything that passes, and after nothing that the request itself is to blame for', () => {
    const repeated = ETCD_ERRORS.filter(([, status, text]) => mayTryAgain(serverError(status, text), true)).map(
      (row) => row[0],
    );
    expect(new Set(repeated)).toEqual(new Set(['Unavailable', 'Canceled', 'FailedPrecondition']));
    expect(mayTryAgain(serverError(8, 'etcdserver: too many requests'), true)).toBe(false);
  });
});

describe('Failover', () => {
  const make = (count: number): { failover: Failover; clock: { nowMs: number } } => {
    const clock = { nowMs: 0 };
    return {
      failover: new Failover(
        count,
        () => clock.nowMs,
        () => 0,
      ),
      clock,
    };
  };

  it('begins each call one member further', () => {
    const { failover } = make(3);
    expect([failover.order(), failover.order(), failover.order(), failover.order()]).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
      [0, 1, 2],
    ]);
  });

  it('puts a member that failed last, for longer with each failure, until it serves', () => {
    const { failover, clock } = make(2);
    failover.failed(0);
    expect(failover.order()).toEqual([1, 0]);
    clock.nowMs = 501;
    expect(failover.isAvoided(0)).toBe(false);
    failover.failed(0);
    clock.nowMs += 501;
    expect(failover.isAvoided(0)).toBe(true);
    failover.succeeded(0);
    expect(failover.isAvoided(0)).toBe(false);
  });

  it('avoids no member for more than ten seconds', () => {
    const { failover, clock } = make(1);
    for (let failure = 0; failure < 1_000; failure += 1) failover.failed(0);
    clock.nowMs = 10_001;
    expect(failover.isAvoided(0)).toBe(false);
  });
});
