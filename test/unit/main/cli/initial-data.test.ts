import { EtcdError } from '../../../../src/wire/errors.js';
import { describe, expect, it } from 'vitest';
import { initialData } from '../../../../src/main/cli/initial-data.js';

const reading =
  (text: string) =>
  (file: string): string => {
    expect(file).toBe('data.json');
    return text;
  };

describe('vigil serve --data', () => {
  it('takes pairs, split at the first equals sign, and files; the later ones count', () => {
    const data = initialData(['a=1', 'data.json', 'b=x=y', 'e='], reading('{"a":"file","c":"ü"}'));
    expect([...data]).toEqual([
      ['a', 'file'],
      ['c', 'ü'],
      ['b', 'x=y'],
      ['e', ''],
    ]);
  });

  it('refuses an empty key', () => {
    expect(() => initialData(['=secret'], reading(''))).toThrow('--data: a key must not be empty');
  });

  it.each(['no JSON', '["secret"]', '{"secret":1}', '{"":"secret"}', 'null', '"secret"'])(
    'refuses a file with %s, and does not quote it',
    (text) => {
      expect(() => initialData(['data.json'], reading(text))).toThrow(
        new EtcdError(
          '--data: data.json must be a JSON file such as {"key": "value"}: an object of texts, no empty key',
          {
            code: 'invalid-argument',
            outcome: 'not-sent',
          },
        ),
      );
    },
  );
});
