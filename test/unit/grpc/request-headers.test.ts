import { describe, expect, it } from 'vitest';
import { grpcTimeout, metadataError, requestHeaders } from '../../../src/grpc/request-headers.js';

const ENDPOINT = 'http://etcd.test:2379';

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

describe('metadataError', () => {
  it('takes what etcd uses', () => {
    expect(metadataError(undefined, ENDPOINT)).toBeUndefined();
    const metadata = { token: 'abc.def-1', hasleader: 'true', 'client-api-version': '3.5.0' };
    expect(metadataError(metadata, ENDPOINT)).toBeUndefined();
  });

  it.each(['te', 'Content-Type', 'connection', 'grpc-status', ':path', 'a b', ''])('refuses the name %j', (name) => {
    expect(metadataError({ [name]: 'x' }, ENDPOINT)).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
  });

  it.each(['a\r\nb', 'é'])('refuses the value %j without repeating it', (value) => {
    const error = metadataError({ token: `secret${value}` }, ENDPOINT);
    expect(error?.code).toBe('invalid-argument');
    expect(error?.message).toContain('"token"');
    expect(error?.message).not.toContain('secret');
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
