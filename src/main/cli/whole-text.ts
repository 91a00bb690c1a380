/**
 * Text of the command line that is what was typed: Node puts U+FFFD in the place of bytes that are not UTF-8, so that a key or
 * value would silently become another one.
 */
import { readFileSync } from 'node:fs';
import { usageError } from './failure.js';

const INSTEAD: Readonly<Record<string, string>> = {
  '[value]': '; give it with --base64, or - to read it from stdin',
  '--data': '; its keys and values are texts',
};
const REPLACEMENT = '\u{FFFD}';

/**
 * @param name of the argument, for the message.
 * @param commandLine the arguments of this process as bytes; undefined where the system does not show them.
 * @throws EtcdError `invalid-argument` for text in which bytes were replaced, or may have been.
 */
export function wholeText(text: string, name: string, commandLine: () => Buffer | undefined = ownCommandLine): string {
  if (!text.includes(REPLACEMENT) || isGiven(text, commandLine())) return text;
  throw usageError(`${name} is not UTF-8 text${INSTEAD[name] ?? '; give it with --base64'}`);
}

/** Whether somebody typed U+FFFD itself: the bytes are those of an argument, or of what follows `=` in one. */
function isGiven(text: string, commandLine: Buffer | undefined): boolean {
  if (commandLine === undefined) return false;
  const wanted = Buffer.from(text);
  const isSame = (argument: Buffer): boolean =>
    argument.equals(wanted) ||
    (argument.length > wanted.length &&
      argument.subarray(-wanted.length).equals(wanted) &&
      argument[argument.length - wanted.length - 1] === 0x3d);
  const given = argumentsOf(commandLine);
  // Where another argument looks the same and is not, nobody can tell which one this is.
  return given.some(isSame) && !given.some((argument) => !isSame(argument) && argument.toString().endsWith(text));
}

function argumentsOf(commandLine: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < commandLine.length;) {
    const end = commandLine.indexOf(0, start);
    const stop = end === -1 ? commandLine.length : end;
    found.push(commandLine.subarray(start, stop));
    start = stop + 1;
  }
  return found;
}

/** Linux shows it. */
function ownCommandLine(): Buffer | undefined {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch {
    return undefined;
  }
}
