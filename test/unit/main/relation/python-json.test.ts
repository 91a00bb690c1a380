/** Databag texts are Python's: `json.dumps` with its defaults. */
import { describe, expect, it } from 'vitest';
import { isJsonObject, parseJson, pythonJson } from '../../../../src/main/relation/python-json.js';

describe('pythonJson', () => {
  it('puts a space after commas and colons, and keeps the order of keys', () => {
    const value = { b: [true, null, 5, 'x'], a: {}, c: [], 2: 'two' };
    expect(pythonJson(value)).toBe('{"2": "two", "b": [true, null, 5, "x"], "a": {}, "c": []}');
    expect(pythonJson(new Map([...Object.entries(value)].reverse()))).toBe(
      '{"c": [], "a": {}, "b": [true, null, 5, "x"], "2": "two"}',
    );
  });

  it('escapes what json.dumps escapes', () => {
    // The output of Python 3.11 for the same text.
    expect(pythonJson('\x7f\x80é😀\b\f\n\r\t"\\/\u2028\x01\ud800')).toBe(
      String.raw`"\u007f\u0080\u00e9\ud83d\ude00\b\f\n\r\t\"\\/\u2028\u0001\ud800"`,
    );
  });

  it('is read back by any JSON parser', () => {
    const value = { ключ: ['\u0000', '"', { deep: null }] };
    expect(JSON.parse(pythonJson(value))).toEqual(value);
  });
});

describe('parseJson', () => {
  it('gives nothing for what is no JSON, and never quotes it', () => {
    expect(parseJson(undefined)).toBeUndefined();
    expect(parseJson('{"secret":')).toBeUndefined();
    expect(parseJson('"text"')).toBe('text');
  });

  it('tells objects from lists and null', () => {
    expect([{}, [], null, 'x'].map(isJsonObject)).toEqual([true, false, false, false]);
  });
});
