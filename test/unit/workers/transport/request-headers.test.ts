import { describe, expect, it } from 'vitest';
import { badMetadata, grpcTimeout, requestHeaders } from '../../../../src/workers/transport/request-headers.js';

describe('grpcTimeout', () => {
  it.each([
    [0, '1m'],
    [0.2, '1m'],
    [1500, '1500m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [Number.MAX_SAFE_INTEGER, '99999999S'],
  ])('writes %d ms as %s, in at most 8 digits', (timeoutMs, text) => {
    expect(grpcTimeout(timeoutMs)).toBe(text);
  });
});

describe('badMetadata', () => {
  it('takes what etcd uses', () => {
    expect(badMetadata(undefined)).toBeUndefined();
    expect(badMetadata({ token: 'abc.def-1', hasleader: 'true', 'client-api-version': '3.5.0' })).toBeUndefined();
  });

  it.each(['te', 'Content-Type', 'connection', 'grpc-status', ':path', 'a b', ''])('refuses the name %j', (name) => {
    expect(badMetadata({ [name]: 'x' })).toBe(name);
  });

  it('refuses values that would break the session', () => {
    expect(badMetadata({ token: 'a\r\nb' })).toBe('token');
    expect(badMetadata({ token: 'é' })).toBe('token');
  });
});

describe('requestHeaders', () => {
  it('puts pseudo headers first and leaves out a time-out that is not given', () => {
    const headers = requestHeaders('https', 'etcd.test:2379', '/a.B/C', { token: 't' }, undefined);
    expect(Object.keys(headers).slice(0, 4)).toEqual([':method', ':scheme', ':authority', ':path']);
    expect(headers).toMatchObject({ te: 'trailers', 'content-type': 'application/grpc', token: 't' });
    expect(headers).not.toHaveProperty('grpc-timeout');
  });
});
