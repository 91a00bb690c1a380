/** A variable that happens to be empty must not delete the whole store. */
import { describe, expect, it } from 'vitest';
import { Kv } from '../../../../src/main/kv/kv.js';
import { del } from '../../../../src/main/kv/operation.js';
import type { UnaryCaller } from '../../../../src/main/unary/unary-method.js';

const REFUSED = /prefix must not be empty, which would delete every key; to do that give \{ all: true \}/u;

describe('a deletion by an empty prefix', () => {
  const paths: string[] = [];
  const caller: UnaryCaller = {
    call: (method) => {
      paths.push(method.path);
      return Promise.resolve(method.decode(new Uint8Array(0)));
    },
  };

  it.each<[string, string | Uint8Array]>([
    ['text', ''],
    ['bytes', new Uint8Array(0)],
  ])('of %s is refused by kv.delete, and nothing is sent', async (_name, prefix) => {
    await expect(new Kv(caller).delete({ prefix })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(REFUSED) as string,
    });
    expect(paths).toEqual([]);
  });

  it('is refused by del() of a transaction', () => {
    expect(() => del({ prefix: '' })).toThrow(REFUSED);
    expect(() => del({ all: true })).not.toThrow();
  });
});
