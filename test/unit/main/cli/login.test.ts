/** The user of a command: what is refused, and how a password is asked for without being shown. */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { readHiddenLine, type TerminalInput } from '../../../../src/main/cli/hidden-input.js';
import { authOf } from '../../../../src/main/cli/login.js';
import { FLAG_WORDS } from '../../../../src/main/cli/flag-words.js';
import { Output } from '../../../../src/main/cli/output.js';
import type { Session } from '../../../../src/main/cli/session.js';
import { Stop } from '../../../../src/main/cli/stop.js';
import { KeptStream, runLine } from './command-line.js';

/** A terminal at which somebody types. */
class TypedInput extends EventEmitter implements TerminalInput {
  readonly modes: boolean[] = [];
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(isRaw: boolean): void {
    this.modes.push(isRaw);
  }

  setEncoding(): void {
    // What is typed here is text.
  }

  resume(): void {
    // It is read as it is typed.
  }

  pause(): void {
    // As above.
  }

  type(...texts: readonly string[]): void {
    for (const text of texts) this.emit('data', text);
  }
}

function sessionWith(stderr: KeptStream): Session {
  const stop = new Stop(() => undefined);
  const output = new Output(new KeptStream(), stderr, stop.signal, () => undefined);
  return { output, stop, env: {}, words: FLAG_WORDS };
}

describe('a password that is not given', () => {
  it('is asked for at the terminal and not shown', async () => {
    const stderr = new KeptStream();
    const input = new TypedInput(true);
    const auth = authOf({ kind: 'ask', username: 'me' }, sessionWith(stderr), () => input);
    input.type('hux', '\u007fn', 'ter2\r');
    expect(await auth).toEqual({ username: 'me', password: 'hunter2' });
    expect(input.modes).toEqual([true, false]);
    expect(stderr.text).toBe('password of me: \n');
  });

  it('is refused where it is empty, or there is no terminal', async () => {
    const input = new TypedInput(true);
    const empty = authOf({ kind: 'ask', username: 'me' }, sessionWith(new KeptStream()), () => input);
    input.type('x\u0015\n');
    await expect(empty).rejects.toMatchObject({ code: 'invalid-argument' });
    const piped = authOf({ kind: 'ask', username: 'me' }, sessionWith(new KeptStream()), () => new TypedInput(false));
    await expect(piped).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is not waited for after Ctrl-C, and the terminal is as it was', async () => {
    const input = new TypedInput(true);
    const session = sessionWith(new KeptStream());
    const auth = authOf({ kind: 'ask', username: 'me' }, session, () => input);
    input.type('hun', '\u0003');
    await expect(auth).rejects.toMatchObject({ code: 'aborted' });
    expect(session.stop.signal.aborted).toBe(true);
    expect(input.modes).toEqual([true, false]);
    await expect(readHiddenLine(input, session.stop.signal, () => undefined)).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(input.modes).toEqual([true, false]);
    session.stop.close();
  });
});

describe('the flags of a login', () => {
  it.each([
    ['--password-file without --user', ['--password-file', '/x'], /--password-file is given without --user/],
    ['a user without a name', ['--user', ':hunter2'], /--user has no name before its colon/],
    ['a user with an empty password', ['--user', 'me:'], /--user has no password behind its colon/],
    [
      'a password file that is not there',
      ['--user', 'me', '--password-file', '/nonexistent/x'],
      /--password-file '\/nonexistent\/x' cannot be read: ENOENT/,
    ],
  ])('%s is refused in one line, and no password is shown', async (_name, flags, words) => {
    const { code, stdout, stderr } = await runLine(['get', 'k', '--endpoints', 'http://127.0.0.1:1', ...flags]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^vigil: [^\n]+ \[invalid-argument\]\n$/);
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('hunter2');
  });
});
