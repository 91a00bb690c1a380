import { describe, expect, it } from 'vitest';
import { compareKeys, toBytes, toDeletedRange, toKeyRange } from '../../../src/wire/key-range.js';
import type { RangeInput } from '../../../src/wire/key-range.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('toKeyRange', () => {
  it.each<[string, RangeInput, Uint8Array, Uint8Array | undefined]>([
    ['a bare string is one key', 'a', utf8('a'), undefined],
    ['bare bytes are one key', bytes(0, 255), bytes(0, 255), undefined],
    ['{ key } is one key', { key: 'a' }, utf8('a'), undefined],
    ['a prefix ends where its last byte is one higher', { prefix: 'a/' }, utf8('a/'), utf8('a0')],
    ['0xff carries', { prefix: bytes(1, 255, 255) }, bytes(1, 255, 255), bytes(2)],
    ['a prefix of 0xff has no upper neighbour', { prefix: bytes(255, 255) }, bytes(255, 255), bytes(0)],
    ['an empty prefix is the whole keyspace', { prefix: '' }, bytes(0), bytes(0)],
    ['{ all } is the whole keyspace', { all: true }, bytes(0), bytes(0)],
    ['{ from } runs to the end', { from: 'a' }, utf8('a'), bytes(0)],
    ['an undefined to is no to', { from: 'a', to: undefined }, utf8('a'), bytes(0)],
    ['{ to, from } is the same', { to: 'b', from: 'a' }, utf8('a'), utf8('b')],
    ['{ from, to } is half open', { from: 'a', to: 'b' }, utf8('a'), utf8('b')],
    ['text is UTF-8', { key: 'é😀' }, bytes(0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80), undefined],
    ['__proto__ is a key like any other', '__proto__', utf8('__proto__'), undefined],
  ])('%s', (_rule, input, key, rangeEnd) => {
    expect(toKeyRange(input)).toEqual({ key, rangeEnd });
  });

  it.each<[string, unknown, RegExp]>([
    ['an empty key', '', /range must not be empty/u],
    ['an empty { key }', { key: '' }, /range\.key must not be empty/u],
    ['an empty from', { from: '', to: 'a' }, /range\.from must not be empty/u],
    ['an empty to', { from: 'a', to: '' }, /range\.to must not be empty/u],
    ['from above to', { from: 'b', to: 'a' }, /below/u],
    ['from equal to to', { from: 'a', to: 'a' }, /below/u],
    ['two forms at once', { key: 'a', prefix: 'b' }, /not an object with key, prefix$/u],
    ['an unknown property', { kye: 'a' }, /not an object with kye$/u],
    ['to without from', { to: 'a' }, /not an object with to$/u],
    ['{ all: false }', { all: false }, /\{ all: true \}/u],
    ['nothing', undefined, /must be a key/u],
    ['null', null, /not null/u],
    ['a number', 7, /type number/u],
    ['a number as key', { key: 7 }, /range\.key must be a string or a Uint8Array/u],
    ['a lone surrogate', '\ud800', /surrogate/u],
  ])('refuses %s, and says what is allowed', (_what, input, why) => {
    // What a JavaScript caller may pass.
    expect(() => toKeyRange(input as RangeInput)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', outcome: 'not-sent' }),
    );
    expect(() => toKeyRange(input as RangeInput)).toThrow(why);
  });

  it('copies bytes, so that the caller may change its own', () => {
    const mine = Buffer.from('abc');
    const { key } = toKeyRange(mine);
    mine[0] = 0;
    expect(key).toEqual(utf8('abc'));
  });
});

it('toBytes accepts an empty value', () => {
  expect(toBytes('', 'value')).toEqual(bytes());
});

it('compareKeys orders unsigned bytes, a prefix first', () => {
  const keys = [bytes(255), bytes(1, 0), bytes(1), bytes(127), bytes(128)];
  expect(keys.sort(compareKeys)).toEqual([bytes(1), bytes(1, 0), bytes(127), bytes(128), bytes(255)]);
});

describe('toDeletedRange', () => {
  it.each<[string, RangeInput]>([
    ['text', { prefix: '' }],
    ['bytes', { prefix: bytes() }],
  ])('refuses an empty prefix in %s, which would delete every key', (_form, input) => {
    expect(() => toDeletedRange(input, 'delete: range')).toThrow(
      'delete: range.prefix must not be empty, which would delete every key; to do that give { all: true }',
    );
  });

  it('takes every other range', () => {
    for (const input of ['a', { key: 'a' }, { prefix: 'a/' }, { from: 'a' }, { all: true }] as const)
      expect(toDeletedRange(input, 'delete: range')).toEqual(toKeyRange(input));
  });
});
