/** Reads a line from a terminal without showing it. Owns the terminal's mode while it does. */
import { EtcdError } from '../../wire/errors.js';

/** What is used of a terminal's input. */
export interface TerminalInput {
  readonly isTTY?: boolean | undefined;
  setRawMode(isRaw: boolean): unknown;
  setEncoding(encoding: 'utf8'): unknown;
  on(event: 'data', listener: (text: string) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (text: string) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const ERASE = new Set(['\b', '\u007f']);

/**
 * The line, without its end. A terminal in raw mode turns Ctrl-C into a character: `onInterrupt` is called for it, and is to fire the
 * signal.
 *
 * @throws EtcdError `aborted` when the signal fires.
 */
export function readHiddenLine(input: TerminalInput, signal: AbortSignal, onInterrupt: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let line: string[] = [];
    const leave = (): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      input.setRawMode(false);
      input.pause();
    };
    const onEnd = (): void => {
      leave();
      resolve(line.join(''));
    };
    const onAbort = (): void => {
      leave();
      reject(new EtcdError('stopped before the password was given', { code: 'aborted', outcome: 'not-sent' }));
    };
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === '\r' || character === '\n' || character === CTRL_D) {
          onEnd();
          return;
        }
        if (character === CTRL_C) {
          onInterrupt();
          if (!signal.aborted) onAbort();
          return;
        }
        if (ERASE.has(character)) line.pop();
        else if (character === CTRL_U) line = [];
        else line.push(character);
      }
    };
    if (signal.aborted) {
      reject(new EtcdError('stopped before the password was asked for', { code: 'aborted', outcome: 'not-sent' }));
      return;
    }
    input.setRawMode(true);
    input.setEncoding('utf8');
    input.on('data', onData);
    input.on('end', onEnd);
    signal.addEventListener('abort', onAbort);
    input.resume();
  });
}
