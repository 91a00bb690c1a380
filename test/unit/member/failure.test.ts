/** What a failure means for what comes next, for every text of etcd's. */
import { describe, expect, it } from 'vitest';
import { mayRepeat, remedyFor } from '../../../src/member/failure.js';
import { rstError } from '../../../src/grpc/http2-errors.js';
import { EtcdError } from '../../../src/wire/errors.js';
import { serverError } from '../../../src/wire/server-errors.js';
import { ETCD_ERRORS } from '../wire/etcd-errors.js';

describe('mayRepeat', () => {
  it('repeats a write after no error of etcd but the refusals in front of every handler', () => {
    const repeated = ETCD_ERRORS.filter(([, status, text]) => mayRepeat(serverError(status, text), false)).map(
      (row) => row[2],
    );
    expect(repeated.sort()).toEqual([
      'etcdserver: no leader',
      'etcdserver: rpc not supported for learner',
      'etcdserver: unhealthy cluster',
    ]);
  });

  it('repeats a read after everything that passes, and after nothing that the request itself is to blame for', () => {
    const repeated = ETCD_ERRORS.filter(([, status, text]) => mayRepeat(serverError(status, text), true)).map(
      (row) => row[0],
    );
    expect(new Set(repeated)).toEqual(new Set(['Unavailable', 'Canceled', 'FailedPrecondition']));
    expect(mayRepeat(serverError(8, 'etcdserver: too many requests'), true)).toBe(false);
    expect(mayRepeat(serverError(4, 'context deadline exceeded'), true)).toBe(false);
  });

  it('repeats a write that a server never began', () => {
    expect(mayRepeat(rstError(7, 'a'), false)).toBe(true);
    expect(mayRepeat(rstError(8, 'a'), false)).toBe(false);
  });
});

describe('a learner', () => {
  const TEXT = 'etcdserver: rpc not supported for learner';

  it.each([9, 14])('that refuses with status %i has applied nothing, and others may take the call', (status) => {
    const error = serverError(status, TEXT, { endpoint: 'http://a:1' });
    expect([error.outcome, remedyFor(error), mayRepeat(error, false)]).toEqual(['refused', 'elsewhere', true]);
    const forwarded = serverError(2, `rpc error: code = Unavailable desc = ${TEXT}`);
    expect(mayRepeat(forwarded, false)).toBe(true);
  });

  it.each([
    `dial: ${TEXT}`,
    `${TEXT} yet`,
    'no healthy upstream: rpc not supported for learner',
    'rpc not supported for learner',
    'upstream (from rpc not supported for learner)',
  ])('has not said "%s", which proves nothing', (text) => {
    expect(serverError(14, text)).toMatchObject({ outcome: 'unknown' });
    expect(mayRepeat(serverError(14, text), false)).toBe(false);
  });
});

it('a token that is refused is renewed, whatever the code would say', () => {
  expect(remedyFor(serverError(16, 'etcdserver: invalid auth token'))).toBe('new-token');
  expect(remedyFor(new EtcdError('x', { code: 'unauthenticated' }))).toBe('doubtful');
});
