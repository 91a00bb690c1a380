import { describe, expect, it } from 'vitest';
import { parseEndpoints } from '../../../src/wire/endpoint.js';
import { EtcdError } from '../../../src/wire/errors.js';

const tcp = (tls: boolean, host: string, port: number, text: string): object => ({
  kind: 'tcp',
  tls,
  host,
  port,
  text,
});

describe('parseEndpoints', () => {
  it('reads a connection string with several members', () => {
    expect(parseEndpoints('https://a:2379, https://b:2380')).toEqual([
      tcp(true, 'a', 2379, 'https://a:2379'),
      tcp(true, 'b', 2380, 'https://b:2380'),
    ]);
  });

  it.each([
    ['localhost:2379', tcp(false, 'localhost', 2379, 'localhost:2379')],
    ['10.0.0.1:1', tcp(false, '10.0.0.1', 1, '10.0.0.1:1')],
    ['http://my-host.example_1:65535/', tcp(false, 'my-host.example_1', 65535, 'http://my-host.example_1:65535/')],
    ['HTTPS://[::1]:2379', tcp(true, '::1', 2379, 'HTTPS://[::1]:2379')],
    ['[fe80::1%eth0]:2379', tcp(false, 'fe80::1%eth0', 2379, '[fe80::1%eth0]:2379')],
    ['unix://localhost:2379', { kind: 'unix', tls: false, path: 'localhost:2379', text: 'unix://localhost:2379' }],
    ['unix:///run/etcd.sock', { kind: 'unix', tls: false, path: '/run/etcd.sock', text: 'unix:///run/etcd.sock' }],
    ['unixs:///run/etcd.sock', { kind: 'unix', tls: true, path: '/run/etcd.sock', text: 'unixs:///run/etcd.sock' }],
  ])('reads %s', (text, endpoint) => {
    expect(parseEndpoints([text])).toEqual([endpoint]);
  });

  it.each([
    ['', /empty/u],
    ['a', /no port/u],
    ['a:', /no port/u],
    ['https://a', /no port/u],
    ['a:0', /1 to 65535/u],
    ['a:65536', /1 to 65535/u],
    ['a:2e3', /1 to 65535/u],
    ['a:-1', /1 to 65535/u],
    [':2379', /no valid host/u],
    ['a b:2379', /no valid host/u],
    ['999.1.1.1:2379', /no valid host/u],
    ['::1:2379', /IPv6 address without brackets/u],
    ['[a]:2379', /not an IPv6 address/u],
    ['[::1]', /no port/u],
    ['http://a:2379/v3', /path/u],
    ['http://a:2379?x=1', /path/u],
    ['ftp://a:2379', /scheme/u],
    ['unix://run/etcd.sock', /relative path/u],
    ['unix:///run/', /directory/u],
    ['unix://', /no valid host/u],
  ])('refuses %j, naming it and what is allowed', (text, why) => {
    const refusal = refusalOf([text]);
    expect(refusal).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    expect(refusal.message).toMatch(why);
    expect(refusal.message).toContain(text);
    expect(refusal.message).toContain('allowed are');
  });

  it('refuses credentials without repeating them', () => {
    const refusal = refusalOf('https://root:s3c@ret@a:2379');
    expect(refusal.code).toBe('invalid-argument');
    expect(refusal.message).toContain('https://…@a:2379');
    expect(refusal.message).toContain('give them with the option auth instead');
    expect(refusal.message).not.toMatch(/s3c|ret@|root/u);
  });

  it('refuses the same address twice, however it is written', () => {
    expect(refusalOf('a:2379,http://A:2379').message).toMatch(/twice/u);
    expect(refusalOf(['http://a:2379', 'https://a:2379']).message).toMatch(/twice/u);
    expect(refusalOf(['unix:///x', 'unix:///x']).message).toMatch(/twice/u);
  });

  it('refuses no endpoints, and what is no text', () => {
    expect(refusalOf([]).message).toMatch(/at least one/u);
    expect(refusalOf('').message).toMatch(/empty/u);
    // The next three are what a JavaScript caller may pass.
    expect(refusalOf([1] as never).message).toMatch(/must be a string/u);
    expect(refusalOf(undefined as never).message).toMatch(/must be a string or an array/u);
    expect(refusalOf({ length: 1 } as never).message).toMatch(/must be a string or an array/u);
  });
});

function refusalOf(input: string | readonly string[]): EtcdError {
  try {
    parseEndpoints(input);
  } catch (error) {
    if (error instanceof EtcdError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
