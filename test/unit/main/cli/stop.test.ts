/** How a command is stopped, and what its output says of that: which reason counts, what a second and a third signal do. */
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Output, type OutputFailure } from '../../../../src/main/cli/output.js';
import { isAbort, Stop, unlessStopped } from '../../../../src/main/cli/stop.js';
import { runLine } from './command-line.js';

describe('a stop', () => {
  let left: { code: number; left: readonly string[] } | undefined;
  const newStop = (): Stop => new Stop((code, what) => (left ??= { code, left: what }));
  const signal = (stop: Stop, name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' = 'SIGINT'): void =>
    stop.request({ kind: 'signal', name });

  beforeEach(() => {
    left = undefined;
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('has the exit code of its first signal, though a pipe broke before it', () => {
    for (const [name, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const stop = newStop();
      expect(stop.exitCode()).toBe(0);
      stop.request({ kind: 'reader-gone' });
      expect(stop.exitCode()).toBe(0);
      signal(stop, name);
      expect(stop.exitCode()).toBe(code);
      expect([stop.signal.aborted, stop.hurry.aborted]).toEqual([true, false]);
    }
  });

  it('leaves at once at a second signal when there is nothing to remove', () => {
    const stop = newStop();
    signal(stop);
    stop.own('something')();
    signal(stop);
    expect(left).toEqual({ code: 130, left: [] });
  });

  it('gives what is to be removed three seconds after a second signal, then says what is left', () => {
    const stop = newStop();
    stop.own('keys');
    signal(stop);
    signal(stop, 'SIGTERM');
    expect(stop.hurry.aborted).toBe(true);
    vi.advanceTimersByTime(2_999);
    expect(left).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(left).toEqual({ code: 130, left: ['keys'] });
  });

  it('leaves at once at a third signal, and not at all once the command is over', () => {
    const third = newStop();
    third.own('keys');
    for (let count = 0; count < 3; count += 1) signal(third);
    expect(left).toEqual({ code: 130, left: ['keys'] });
    left = undefined;
    const over = newStop();
    over.own('keys');
    signal(over);
    signal(over);
    over.close();
    vi.advanceTimersByTime(10_000);
    expect(left).toBeUndefined();
  });

  it('is not asked for by a reader that went away where the command outlives readers', () => {
    const stop = newStop();
    stop.outliveReaders();
    stop.request({ kind: 'reader-gone' });
    expect(stop.signal.aborted).toBe(false);
    stop.request({ kind: 'output-failed', stream: 'stdout', code: 'ENOSPC' });
    expect([stop.signal.aborted, stop.exitCode()]).toEqual([true, 1]);
  });

  it('ends a wait as aborted, and leaves no listener behind', async () => {
    const stop = newStop();
    await expect(unlessStopped(Promise.resolve(7), stop.signal)).resolves.toBe(7);
    const never = unlessStopped(new Promise<never>(() => undefined), stop.signal);
    signal(stop);
    const error: unknown = await never.catch((thrown: unknown) => thrown);
    expect(isAbort(error)).toBe(true);
    await expect(unlessStopped(Promise.reject(new Error('late')), stop.signal)).rejects.toSatisfy(isAbort);
  });

  it('of a defect ends the command with one line and exit code 1', async () => {
    vi.useRealTimers();
    const { code, stderr } = await runLine(['--version'], {}, (stop) =>
      stop.request({ kind: 'defect', error: new Error('two\nlines') }),
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'vigil: two lines [internal]\n' });
  });
});

describe('the output', () => {
  const never = new AbortController().signal;
  const failing = (code: string, isTTY = false): Writable => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
    });
    return Object.defineProperty(stream, 'isTTY', { value: isTTY });
  };

  it.each([
    ['EPIPE', false, { kind: 'reader-gone' }],
    ['ECONNRESET', false, { kind: 'reader-gone' }],
    ['EIO', true, { kind: 'reader-gone' }],
    ['EIO', false, { kind: 'output-failed', stream: 'stdout', code: 'EIO' }],
    ['ENOSPC', false, { kind: 'output-failed', stream: 'stdout', code: 'ENOSPC' }],
    ['EDQUOT', false, { kind: 'output-failed', stream: 'stdout', code: 'EDQUOT' }],
  ] as const)('tells once of %s (terminal: %s), and drops what comes after it', async (code, isTTY, expected) => {
    const failures: OutputFailure[] = [];
    const output = new Output(failing(code, isTTY), new Writable(), never, (failure) => failures.push(failure));
    await output.print('one');
    await output.settled(never);
    await output.print('two');
    await output.settled(never);
    expect(failures).toEqual([expected]);
    expect(output.isStdoutBroken).toBe(true);
  });

  it('waits for a slow reader, until it is stopped', async () => {
    const taken: (() => void)[] = [];
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void taken.push(done) });
    const stopped = new AbortController();
    const output = new Output(slow, new Writable(), stopped.signal, () => undefined);
    let isPrinted = false;
    const first = output.print('one').then(() => (isPrinted = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isPrinted).toBe(false);
    taken[0]?.();
    await first;
    const second = output.print('two');
    stopped.abort();
    await second;
  });
});
