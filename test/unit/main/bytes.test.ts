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

  it('json of what is no JSON throws a SyntaxError', () => {
    expect(() => Bytes.view(Buffer.from('{')).json()).toThrow(SyntaxError);
  });
});
