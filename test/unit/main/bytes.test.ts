import { describe, expect, it } from 'vitest';
import { Bytes } from '../../../src/main/bytes.js';

describe('Bytes', () => {
  it('reads its own part of a shared block as text and as JSON', () => {
    const block = Buffer.from('xx{"a":"é"}yy');
    const bytes = Bytes.view(block.subarray(2, block.length - 2));
    expect(bytes.string()).toBe('{"a":"é"}');
    expect(bytes.json()).toEqual({ a: 'é' });
    expect(bytes.buffer).toBe(block.buffer);
    expect(bytes).toBeInstanceOf(Uint8Array);
  });

  it('parts of it can read themselves too', () => {
    const bytes = Bytes.view(Buffer.from('key/1'));
    expect(bytes.subarray(4).string()).toBe('1');
    expect(new Uint8Array(bytes)).not.toBeInstanceOf(Bytes);
  });

  it('are made of text as UTF-8, and of bytes as they are', () => {
    expect(Bytes.from('aé').string()).toBe('aé');
    expect(Bytes.from('12')).toEqual(Bytes.view(Buffer.from('12')));
    expect(Bytes.from([1, 2], (value) => value + 1)).toEqual(Bytes.of(2, 3));
    expect(Bytes.from(new Set([7]))).toEqual(Bytes.of(7));
    expect(Bytes.from({ length: 2, 0: 5, 1: 6 })).toEqual(Bytes.of(5, 6));
    const copied = Uint8Array.of(1);
    const bytes = Bytes.from(copied);
    copied[0] = 2;
    expect(bytes).toEqual(Bytes.of(1));
    expect(bytes).toBeInstanceOf(Bytes);
    expect(Bytes.of(255).map(() => 1)).toBeInstanceOf(Bytes);
  });

  it.each<[string, () => unknown]>([
    ['from(a number)', (): unknown => Bytes.from(5 as unknown as string)],
    ['from({})', (): unknown => Bytes.from({} as unknown as string)],
    ['from([256])', (): unknown => Bytes.from([256])],
    ["from(['a'])", (): unknown => Bytes.from(['a'] as unknown as number[])],
    ['from(a text, a function)', (): unknown => Bytes.from('a' as unknown as number[], () => 1)],
    ['from(a lone surrogate)', (): unknown => Bytes.from('\ud800')],
    ['from(text, an encoding)', (): unknown => Bytes.from('YQ==', 'base64' as unknown as undefined)],
    ['of(-1)', (): unknown => Bytes.of(-1)],
    ["of('a')", (): unknown => Bytes.of('a' as unknown as number)],
    ["new Bytes('abc')", (): unknown => new Bytes('abc' as unknown as number)],
    ['new Bytes(null)', (): unknown => new Bytes(null as unknown as number)],
    ['new Bytes({})', (): unknown => new Bytes({} as unknown as number[])],
    ['new Bytes(-1)', (): unknown => new Bytes(-1)],
  ])('%s is refused', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'invalid-argument' }) as Error);
  });

  it('json of what is no JSON throws a SyntaxError', () => {
    expect(() => Bytes.view(Buffer.from('{')).json()).toThrow(SyntaxError);
  });
});
