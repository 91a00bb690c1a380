import { describe, expect, it } from 'vitest';
import { CompactedError, EtcdError, LeaseError } from '../../../src/wire/errors.js';
import { inContext, isTokenError, serverError, watchCancelError } from '../../../src/wire/server-errors.js';
import { ETCD_ERRORS } from './etcd-errors.js';

describe('serverError', () => {
  it.each(ETCD_ERRORS)('%s %i "%s" becomes %s, %s', (name, status, text, code, outcome) => {
    const error = serverError(status, text, { endpoint: 'http://a:2379' });
    expect(error).toMatchObject({ code, outcome, grpcStatus: status, endpoint: 'http://a:2379' });
    expect(error.message).toContain(text);
    expect(error.message).toContain('http://a:2379');
    // Members forward to each other, and proxies to members: the prefix may be there more than once.
    const prefix = `rpc error: code = ${name} desc = `;
    expect(serverError(status, prefix + prefix + text)).toMatchObject({ code, outcome });
    expect(watchCancelError(prefix + text)).toMatchObject({ code, outcome, grpcStatus: status });
  });

  it.each([
    [1, 'unavailable', 'unknown'],
    [2, 'server-error', 'unknown'],
    [3, 'server-error', 'refused'],
    [4, 'timeout', 'unknown'],
    [5, 'server-error', 'refused'],
    [6, 'server-error', 'refused'],
    [7, 'permission-denied', 'refused'],
    [8, 'too-many-requests', 'unknown'],
    [9, 'server-error', 'refused'],
    [10, 'unavailable', 'unknown'],
    [11, 'server-error', 'refused'],
    [12, 'unimplemented', 'refused'],
    [13, 'server-error', 'unknown'],
    [14, 'unavailable', 'unknown'],
    [15, 'server-error', 'unknown'],
    [16, 'unauthenticated', 'refused'],
    [99, 'server-error', 'unknown'],
  ])('status %i with an unknown text follows the status: %s, %s', (status, code, outcome) => {
    expect(serverError(status, 'words nobody knows')).toMatchObject({ code, outcome, grpcStatus: status });
    expect(serverError(status, '').message).toContain(String(status));
  });

  it('a known text in the middle of a message, or behind a stranger, means nothing', () => {
    expect(serverError(14, 'dial unix x: connect: permission denied')).toMatchObject({
      code: 'unavailable',
      outcome: 'unknown',
    });
    expect(serverError(2, 'etcdserver: no leader was seen')).toMatchObject({ code: 'server-error' });
  });

  it('a compaction error carries the compact revision where it is known', () => {
    const error = serverError(11, 'etcdserver: mvcc: required revision has been compacted', { compactRevision: 7n });
    expect(error).toBeInstanceOf(CompactedError);
    expect(error).toMatchObject({ compactRevision: 7n });
  });

  it('a lease error carries the lease of the call', () => {
    const error = serverError(5, 'etcdserver: requested lease not found', { leaseId: 42n });
    expect(error).toBeInstanceOf(LeaseError);
    expect(error).toMatchObject({ code: 'lease-not-found', leaseId: 42n });
  });

  it('is retryable only where repeating cannot apply twice', () => {
    expect(serverError(14, 'gone').retryable).toBe(false);
    expect(serverError(14, 'gone', { repeatable: true }).retryable).toBe(true);
    expect(serverError(14, 'gone', { outcome: 'not-sent' })).toMatchObject({ retryable: true, outcome: 'not-sent' });
    expect(serverError(14, 'etcdserver: no leader').retryable).toBe(true);
    expect(serverError(3, 'etcdserver: key is not provided', { repeatable: true }).retryable).toBe(false);
  });

  it('tells a request that the server found too large from an answer that was', () => {
    const text = 'grpc: received message larger than max (3000020 vs. 2097152)';
    expect(serverError(8, text, { requestBytes: 3000020 })).toMatchObject({
      code: 'request-too-large',
      outcome: 'refused',
    });
    expect(serverError(8, text, { requestBytes: 12 })).toMatchObject({ code: 'message-too-large', outcome: 'unknown' });
    expect(serverError(8, 'Received message larger than max')).toMatchObject({
      code: 'message-too-large',
      outcome: 'unknown',
    });
  });
});

describe('watchCancelError', () => {
  it('a compact revision makes it a compaction, with or without a reason', () => {
    expect(watchCancelError('', { compactRevision: 9n })).toMatchObject({ code: 'compacted', compactRevision: 9n });
    expect(
      watchCancelError('etcdserver: mvcc: required revision has been compacted', { compactRevision: 9n }),
    ).toMatchObject({
      code: 'compacted',
      compactRevision: 9n,
    });
  });

  it('a compaction told by text only has no compact revision', () => {
    expect(watchCancelError('mvcc: required revision has been compacted')).toMatchObject({
      code: 'compacted',
      compactRevision: 0n,
    });
  });

  it('an unknown reason follows the status in its prefix, and is a server error without one', () => {
    expect(watchCancelError('rpc error: code = Unavailable desc = moving')).toMatchObject({
      code: 'unavailable',
      grpcStatus: 14,
    });
    expect(watchCancelError('duplicate watch ID')).toMatchObject({ code: 'server-error', grpcStatus: undefined });
    expect(watchCancelError('').message).toMatch(/without a reason/u);
  });
});

describe('isTokenError', () => {
  it('is true for the three texts that a fresh token may cure, and for no other', () => {
    const cured = ETCD_ERRORS.filter(([, status, text]) => isTokenError(serverError(status, text))).map(
      (row) => row[2],
    );
    expect(cured.sort()).toEqual([
      'etcdserver: invalid auth token',
      'etcdserver: revision of auth store is old',
      'etcdserver: user name is empty',
    ]);
    expect(isTokenError('rpc error: code = Unauthenticated desc = etcdserver: invalid auth token')).toBe(true);
    expect(isTokenError('etcdserver: permission denied')).toBe(false);
  });
});

describe('an error of which the caller knows more than the transport', () => {
  const known = { leaseId: 7n, repeatable: false, requestBytes: 100 };

  it('is one of its lease', () => {
    const error = inContext(serverError(5, 'etcdserver: requested lease not found', { endpoint: 'a' }), known);
    expect(error).toBeInstanceOf(LeaseError);
    expect(error).toMatchObject({ leaseId: 7n, code: 'lease-not-found', outcome: 'refused', endpoint: 'a' });
  });

  it('may be repeated where the call may', () => {
    const passing = serverError(14, 'etcdserver: leader changed', { endpoint: 'a' });
    expect(inContext(passing, known)).toMatchObject({ retryable: false, outcome: 'unknown' });
    expect(inContext(passing, { ...known, repeatable: true })).toMatchObject({
      retryable: true,
      message: passing.message,
    });
  });

  it('is about the request where it names its size, and about the answer otherwise', () => {
    const text = (bytes: number): string => `grpc: received message larger than max (${String(bytes)} vs. 90)`;
    const mine = inContext(serverError(8, text(100), { endpoint: 'a' }), known);
    expect(mine).toEqual(serverError(8, text(100), { ...known, endpoint: 'a' }));
    expect(mine).toMatchObject({ code: 'request-too-large', outcome: 'refused' });
    expect(inContext(serverError(8, text(101)), known)).toMatchObject({
      code: 'message-too-large',
      outcome: 'unknown',
    });
  });

  it('leaves the fate of the request unknown where nothing is said of it', () => {
    expect(inContext(new EtcdError('x', { code: 'protocol-error' }), known)).toMatchObject({ outcome: 'unknown' });
  });

  it('of a compaction stays one', () => {
    const compacted = serverError(11, 'etcdserver: mvcc: required revision has been compacted');
    expect(inContext(compacted, known)).toBe(compacted);
  });
});
