import { describe, expect, it } from 'vitest';
import { decodeGrpcMessage, judgeHeaders, judgeTrailers } from '../../../src/grpc/response-status.js';

const ENDPOINT = 'http://etcd.test:2379';
const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

describe('judgeHeaders', () => {
  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/gRPC'])(
    'goes on with content type %s',
    (type) => {
      expect(judgeHeaders({ ':status': 200, 'content-type': type }, false, ENDPOINT)).toBe('go-on');
    },
  );

  it.each([
    [400, 13, 'protocol-error'],
    [401, 16, 'unauthenticated'],
    [403, 7, 'permission-denied'],
    [404, 12, 'unimplemented'],
    [429, 14, 'unavailable'],
    [502, 14, 'unavailable'],
    [503, 14, 'unavailable'],
    [504, 14, 'unavailable'],
    [500, 2, 'protocol-error'],
    [302, 2, 'protocol-error'],
  ])('maps HTTP %i to gRPC status %i and code %s', (http, grpcStatus, code) => {
    for (const last of [true, false]) {
      const verdict = judgeHeaders({ ':status': http, 'content-type': 'text/html' }, last, ENDPOINT);
      expect(verdict).toMatchObject({ grpcStatus, code, endpoint: ENDPOINT });
    }
  });

  it.each([undefined, 'text/html', 'application/grpc-web', 'application/json'])('refuses content type %s', (type) => {
    const headers = type === undefined ? { ':status': 200 } : { ':status': 200, 'content-type': type };
    expect(judgeHeaders(headers, false, ENDPOINT)).toMatchObject({ code: 'protocol-error', grpcStatus: 2 });
  });

  it('takes a trailers-only answer for what its status says', () => {
    expect(judgeHeaders({ ...GRPC, 'grpc-status': '0' }, true, ENDPOINT)).toBeUndefined();
    const refusal = { ...GRPC, 'grpc-status': '16', 'grpc-message': 'etcdserver: invalid auth token' };
    expect(judgeHeaders(refusal, true, ENDPOINT)).toMatchObject({ code: 'unauthenticated', grpcStatus: 16 });
  });

  it('lets a status of gRPC outrank an HTTP status, unless the answer is not gRPC', () => {
    const refusal = { ':status': 503, 'grpc-status': '7', 'grpc-message': 'etcdserver: permission denied' };
    const grpc = judgeHeaders({ ...refusal, 'content-type': 'application/grpc' }, true, ENDPOINT);
    expect(grpc).toMatchObject({ code: 'permission-denied' });
    expect(judgeHeaders({ ...refusal, 'content-type': 'text/html' }, true, ENDPOINT)).toMatchObject({ grpcStatus: 14 });
  });
});

describe('judgeTrailers', () => {
  it.each([undefined, {}, { 'grpc-status': '' }, { 'grpc-status': 'OK' }, { 'grpc-status': '0, 0' }])(
    'refuses trailers without a usable status: %j',
    (trailers) => {
      expect(judgeTrailers(trailers, ENDPOINT)).toMatchObject({ code: 'protocol-error', outcome: 'unknown' });
    },
  );

  it("is undefined for OK, and the server's error otherwise", () => {
    expect(judgeTrailers({ 'grpc-status': '0', 'grpc-message': 'ignored' }, ENDPOINT)).toBeUndefined();
    const trailers = { 'grpc-status': '14', 'grpc-message': 'etcdserver: no leader' };
    expect(judgeTrailers(trailers, ENDPOINT)).toMatchObject({ code: 'no-leader', grpcStatus: 14 });
  });
});

describe('decodeGrpcMessage', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['a%20b%25', 'a b%'],
    ['%E2%82%AC', '€'],
    ['%e2%82%ac', '€'],
    ['%', '%'],
    ['100%', '100%'],
    ['%zz %4', '%zz %4'],
    ['%E2%82', '\ufffd'],
    ['%FF', '\ufffd'],
    // UTF-8 that was not encoded, as node hands header bytes out.
    [Buffer.from('größe').toString('latin1'), 'größe'],
  ])('decodes %j to %j', (encoded, decoded) => {
    expect(decodeGrpcMessage(encoded)).toBe(decoded);
  });
});
