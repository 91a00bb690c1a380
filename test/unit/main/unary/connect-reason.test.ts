import { describe, expect, it } from 'vitest';
import { connectReason } from '../../../../src/main/unary/connect-reason.js';

describe('why a connection could not be made', () => {
  it.each([
    ['Error: connect ECONNREFUSED 127.0.0.1:2379 (2026-11-21T21:36:22.341Z)', /nothing listens there \(connect ECONN/u],
    ['Name resolution failed for target dns:///nosuch:1', /host name is not known/u],
    ['Protocol error (2026-11-21T21:36:22.341Z)', /http:\/\/ or https:\/\/ right\? \(Protocol error\)$/u],
    ['Error: Client network socket disconnected before secure TLS connection was established', /http:\/\//u],
    ['Error: unable to verify the first certificate', /tls\.ca/u],
    ["Error: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1", /tls\.serverName/u],
    ['tlsv13 alert certificate required', /tls\.cert and tls\.key/u],
  ])('%s says what to do', (text, said) => {
    expect(connectReason(text)).toMatch(said);
    expect(connectReason(text)).not.toMatch(/2026-/u);
  });

  it('is passed on as it is where it is not known', () => {
    expect(connectReason('Error: EMFILE too many')).toBe('EMFILE too many');
    expect(connectReason('')).toBe('no reason was given');
  });
});
