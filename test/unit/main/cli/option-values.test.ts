/** Texts of the command line become values, or are refused with what is allowed. */
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { connectionSettings } from '../../../../src/main/cli/connection-flags.js';
import { duration, leaseId, revision, shards, wholeNumber } from '../../../../src/main/cli/option-values.js';
import { bytesFrom, rangeFrom } from '../../../../src/main/cli/range-flags.js';

describe('values of options', () => {
  it.each([
    ['10', 10_000],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['500ms', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1m30s', 90_000],
    ['1h0.5s', 3_600_500],
    ['1500us', 2],
  ])('reads the time %s', (text, expected) => {
    expect(duration(text)).toBe(expected);
  });

  it.each(['', '0', '-1', '5d', '1e3', 'x', '99999999m', '9999h', '1m30', '1m 30s', '-1m30s', '0.4ms'])(
    'refuses %j as a time',
    (text) => {
      expect(() => duration(text)).toThrow(InvalidArgumentError);
    },
  );

  it.each(['500ms', '10s', '2m', '1h', '1m30s', '1.5s', '2m0.25s', '+5s'])(
    'takes the time %s for --timeout as for the variables of the environment',
    (text) => {
      const { options } = connectionSettings({}, { ETCDCTL_COMMAND_TIMEOUT: text, ETCDCTL_DIAL_TIMEOUT: text });
      expect(duration(text)).toBe(options.requestTimeoutMs);
      expect(duration(text)).toBe(options.connectTimeoutMs);
    },
  );

  it('says which times it takes', () => {
    expect(() => duration('soon')).toThrow('such as 500ms, 10s, 2m, 1h or 1m30s (a bare number is seconds)');
    expect(() => connectionSettings({}, { ETCDCTL_DIAL_TIMEOUT: 'soon' })).toThrow('500ms, 10s, 2m, 1h or 1m30s');
  });

  it('reads lease ids as decimal and hexadecimal, the whole int64', () => {
    expect(leaseId('7587848943239472389')).toBe(7587848943239472389n);
    expect(leaseId('0x694d8e7a5c1f3b05')).toBe(0x694d8e7a5c1f3b05n);
    expect(leaseId('-5')).toBe(-5n);
    for (const text of ['', '0', '694d', '1.5', 'x']) expect(() => leaseId(text)).toThrow(InvalidArgumentError);
  });

  it('wraps no lease id around', () => {
    expect(leaseId('-9223372036854775808')).toBe(-(2n ** 63n));
    expect(leaseId('-0x8000000000000000')).toBe(-(2n ** 63n));
    expect(leaseId('0x7fffffffffffffff')).toBe(2n ** 63n - 1n);
    for (const text of ['18446744073709551617', '9223372036854775808', '-9223372036854775809', '0x8000000000000000'])
      expect(() => leaseId(text), text).toThrow(InvalidArgumentError);
  });

  it('reads revisions from 1 to the largest int64', () => {
    expect(revision('9223372036854775807')).toBe(2n ** 63n - 1n);
    for (const text of ['0', '-1', '9223372036854775808', '1.0', ''])
      expect(() => revision(text)).toThrow(InvalidArgumentError);
  });

  it('names the limits of a number', () => {
    expect(wholeNumber(1, 9)('9')).toBe(9);
    expect(() => wholeNumber(1, 9)('10')).toThrow('from 1 to 9');
    expect(() => wholeNumber(1)('0')).toThrow('from 1');
  });

  it('reads shards', () => {
    expect(shards('inline')).toBe('inline');
    expect(shards('4')).toBe(4);
    for (const text of ['0', '65', 'auto']) expect(() => shards(text)).toThrow(InvalidArgumentError);
  });
});

describe('ranges of the command line', () => {
  it('are a key, a prefix, a span, or everything from a key on', () => {
    expect(rangeFrom('a', {})).toEqual({ key: 'a' });
    expect(rangeFrom('a', { prefix: true })).toEqual({ prefix: 'a' });
    expect(rangeFrom('a', { rangeEnd: 'c' })).toEqual({ from: 'a', to: 'c' });
    expect(rangeFrom('a', { fromKey: true })).toEqual({ from: 'a' });
  });

  it('are refused when two options contradict each other', () => {
    expect(() => rangeFrom('a', { prefix: true, fromKey: true })).toThrow('only one of --prefix');
  });

  it('are bytes with --base64, and refused when they are none', () => {
    expect(bytesFrom('AP8=', { base64: true }, '<key>')).toEqual(Buffer.from([0, 0xff]));
    for (const text of ['AP8', 'a b=', '****'])
      expect(() => bytesFrom(text, { base64: true }, '<key>')).toThrow('<key>');
  });
});
