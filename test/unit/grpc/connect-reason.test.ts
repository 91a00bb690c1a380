import { describe, expect, it } from 'vitest';
import { reasonInText, reasonOf } from '../../../src/grpc/connect-reason.js';

describe('why a connection could not be made', () => {
  it.each([
    ['Error: connect ECONNREFUSED 127.0.0.1:2379 (2026-11-21T21:36:22.341Z)', /nothing listens there \(connect ECONN/u],
    ['Name resolution failed for target dns:///nosuch:1', /host name is not known/u],
    ['Protocol error (2026-11-21T21:36:22.341Z)', /http:\/\/ or https:\/\/ right\? \(Protocol error\)$/u],
    ['Error: Client network socket disconnected before secure TLS connection was established', /http:\/\//u],
    ['Error: unable to verify the first certificate', /tls\.ca/u],
    ["Error: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1", /tls\.serverName/u],
    ['tlsv13 alert certificate required', /tls\.cert and tls\.key/u],
    ['0A000415:SSL routines::sslv3 alert certificate expired', /tls\.cert has expired/u],
    [
      '803C6A6D857F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/ssl3_record.c:350:',
      /use http:\/\/ \(wrong version number\)$/u,
    ],
    ['Failed to connect', /http:\/\/ or https:\/\/ right/u],
  ])('%s says what to do', (text, said) => {
    expect(reasonInText(text)).toMatch(said);
    expect(reasonInText(text)).not.toMatch(/2026-/u);
  });

  it('names what was looked for where the certificate is for other names', () => {
    const message =
      "Hostname/IP does not match certificate's altnames: Host: a.test. is not in the cert's altnames: DNS:b.test";
    const error = Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(reasonOf(error)).toMatch(/tls\.serverName.*a\.test.*b\.test/u);
  });

  it('is found by its words where the code is one of another OpenSSL', () => {
    const message = '00:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:rec_layer_s3.c:916:';
    const error = Object.assign(new Error(message), { code: 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE' });
    expect(reasonOf(error)).toMatch(/^the server does not accept the client certificate.*ALERT_BAD_CERTIFICATE/u);
    expect(reasonOf(Object.assign(new Error('odd'), { code: 'EODD' }))).toBe('odd (EODD)');
  });

  it('is passed on as it is where it is not known', () => {
    expect(reasonInText('Error: EMFILE too many')).toBe('EMFILE too many');
    expect(reasonInText('')).toBe('no reason was given');
  });
});
