import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../src/wire/errors.js';
import { connectionError, connectTimeoutError, goawayError, rstError } from '../../../src/grpc/http2-errors.js';

const ENDPOINT = 'https://etcd.test:2379';
const systemError = (code: string, message = 'connect failed'): Error => Object.assign(new Error(message), { code });

describe('rstError', () => {
  it('says of a refused stream only that nothing was sent', () => {
    expect(rstError(7, ENDPOINT)).toMatchObject({ code: 'unavailable', outcome: 'not-sent', retryable: true });
    for (const code of [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 99]) {
      expect(rstError(code, ENDPOINT)).toMatchObject({ outcome: 'unknown', retryable: false, endpoint: ENDPOINT });
    }
  });

  it('names the code', () => {
    expect(rstError(11, ENDPOINT).message).toContain('ENHANCE_YOUR_CALM');
    expect(rstError(99, ENDPOINT).message).toContain('code 99');
  });
});

describe('goawayError', () => {
  it('tells what to do about too_many_pings', () => {
    expect(goawayError(11, 'too_many_pings', ENDPOINT).message).toContain('raise pingIntervalMs');
  });

  it('names code and endpoint, and quotes at most 200 characters of the peer', () => {
    const error = goawayError(1, '\u001b[2J'.repeat(1000), ENDPOINT);
    expect(error).toMatchObject({ code: 'protocol-error', endpoint: ENDPOINT });
    expect(error.message).toContain('PROTOCOL_ERROR');
    expect(error.message.length).toBeLessThan(1500);
    expect(error.message).not.toContain('\u001b');
  });
});

describe('connectionError', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens there'],
    ['ENOTFOUND', 'host name is not known'],
    ['ENOENT', 'no such unix socket'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls.ca'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls.serverName'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tls.cert and tls.key'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'http://'],
  ])('tells what to do about %s', (code, text) => {
    const error = connectionError(systemError(code), 'connecting', ENDPOINT);
    expect(error).toMatchObject({ code: 'connect-failed', outcome: 'not-sent', endpoint: ENDPOINT });
    expect(error.message).toContain(text);
    expect(error.message).toContain(code);
    expect(error.message).toContain(ENDPOINT);
  });

  it('takes the first cause of a failed choice between addresses', () => {
    const cause = new AggregateError([systemError('ECONNREFUSED'), systemError('ENETUNREACH')]);
    expect(connectionError(cause, 'connecting', ENDPOINT).message).toContain('ECONNREFUSED');
  });

  it('is unavailable, of unknown outcome, once the connection was open', () => {
    const error = connectionError(systemError('ECONNRESET'), 'open', ENDPOINT);
    expect(error).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
    expect(connectionError(undefined, 'open', ENDPOINT).message).toContain('closed the connection');
  });

  it.each([undefined, systemError('ECONNRESET')])(
    'asks about what fits when the peer hung up before HTTP/2 (%s)',
    (cause) => {
      const said = (endpoint: string): string => connectionError(cause, 'greeting', endpoint).message;
      for (const plain of ['http://a:1', 'a:1', 'unix:///a'])
        expect(said(plain)).toContain('is http:// or https:// right?');
      for (const secure of [ENDPOINT, 'HTTPS://a:1', 'unixs:///a'])
        expect(said(secure)).toContain('tls.cert and tls.key');
    },
  );

  it('leaves an error that is coded already as it is', () => {
    const coded = new EtcdError('known', { code: 'protocol-error' });
    expect(connectionError(coded, 'open', ENDPOINT)).toBe(coded);
  });
});

describe('connectTimeoutError', () => {
  it('tells how far the attempt came', () => {
    expect(connectTimeoutError('connecting', 5, ENDPOINT).message).toContain('no connection');
    expect(connectTimeoutError('securing', 5, ENDPOINT).message).toContain('TLS handshake');
    expect(connectTimeoutError('greeting', 5, ENDPOINT).message).toContain('SETTINGS');
  });
});
