/** Bytes of the command line that are no text are refused: Node would give another text in their place. */
import { describe, expect, it } from 'vitest';
import { initialData } from '../../../../src/main/cli/initial-data.js';
import { bytesFrom, keyFrom, rangeFrom } from '../../../../src/main/cli/range-flags.js';
import { wholeText } from '../../../../src/main/cli/whole-text.js';

/** As the kernel shows it. */
function commandLine(...args: readonly (string | Buffer)[]): () => Buffer {
  return () => Buffer.concat(args.flatMap((argument) => [Buffer.from(argument), Buffer.of(0)]));
}
const CAF = Buffer.from([0x63, 0x61, 0x66, 0xe9]);

describe('text of the command line', () => {
  it('is refused where a byte was replaced, for keys, values and ends of ranges', () => {
    const lost = CAF.toString();
    expect(() => keyFrom(lost, {})).toThrow('<key> is not UTF-8 text; give it with --base64');
    expect(() => bytesFrom(lost, {}, '[value]')).toThrow('[value] is not UTF-8 text; give it with --base64, or -');
    expect(() => rangeFrom(lost, {})).toThrow('<key> is not UTF-8');
    expect(() => rangeFrom(lost, { prefix: true })).toThrow('<key> is not UTF-8');
    expect(() => rangeFrom('a', { rangeEnd: lost })).toThrow('--range-end is not UTF-8');
    expect(() => initialData([`a=${lost}`], () => '')).toThrow('--data is not UTF-8');
  });

  it('is taken where U+FFFD itself was typed, also behind the = of a flag', () => {
    const typed = 'a\u{FFFD}b';
    expect(wholeText(typed, '<key>', commandLine('node', 'vigil', 'get', typed))).toBe(typed);
    expect(wholeText(typed, '--range-end', commandLine('node', `--range-end=${typed}`))).toBe(typed);
    expect(wholeText('café 😀', '<key>', commandLine())).toBe('café 😀');
  });

  it('is refused where nobody can tell whether U+FFFD was typed', () => {
    const typed = CAF.toString();
    const refused = '<key> is not UTF-8';
    expect(() => wholeText(typed, '<key>', () => undefined)).toThrow(refused);
    expect(() => wholeText(typed, '<key>', commandLine('put', CAF, 'v'))).toThrow(refused);
    expect(() => wholeText(typed, '<key>', commandLine('put', CAF, typed))).toThrow(refused);
  });
});
