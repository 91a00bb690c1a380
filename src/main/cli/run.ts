/** Runs one command line: what happens in it becomes an exit code, whatever ends it. */
import { CommanderError } from 'commander';
import { EtcdError } from '../../wire/errors.js';
import { exitCode } from './exit-code.js';
import { describeFailure } from './failure.js';
import { FLAG_WORDS } from './flag-words.js';
import { Output, type OutputStream } from './output.js';
import { makeProgram, refuseUnknownHelp } from './program.js';
import type { Session } from './session.js';
import { isAbort, Stop } from './stop.js';

/** The process that the command runs in, or what stands for it in a test. */
export interface CommandHost {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the process at once; `left` says what is left behind, a line each. */
  readonly leave: (code: number, left: readonly string[]) => void;
  /** Tells the command of signals and defects. */
  readonly attach: (stop: Stop) => void;
}

/** Text that is read slowly is waited for so long after the command was stopped. */
const SLOW_READER_MS = 2_000;

/** Gives the exit code, when everything written has left the process. Never throws. */
export async function runVigil(args: readonly string[], host: CommandHost): Promise<number> {
  const stop = new Stop(host.leave);
  const output = new Output(host.stdout, host.stderr, stop.signal, (failure) => stop.request(failure));
  const session: Session = { output, stop, env: host.env, words: FLAG_WORDS };
  host.attach(stop);
  const code = await runCommand(args, session);
  await settle(session);
  stop.close();
  const { reason } = stop;
  if (reason?.kind === 'defect') {
    output.note(describeFailure(reason.error).text);
    return code === exitCode.ok ? exitCode.failed : code;
  }
  if (reason?.kind === 'output-failed') {
    if (session.done !== undefined) output.note(`vigil: what was asked is done: ${session.done}`);
    output.note(`vigil: ${reason.stream} cannot be written (${reason.code})`);
    return code === exitCode.ok ? exitCode.failed : code;
  }
  return code;
}

async function runCommand(args: readonly string[], session: Session): Promise<number> {
  const { output, stop } = session;
  let code: number = exitCode.ok;
  const program = makeProgram(
    {
      run: async (work) => {
        code = await work(session);
      },
    },
    { out: (text) => void output.print(text), err: (text) => output.noteRaw(text) },
  );
  try {
    refuseUnknownHelp(program, args);
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // commander has printed its message, or the help, by itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.notStarted;
    if (stop.signal.aborted && isAbort(error)) {
      if (error instanceof EtcdError && error.outcome === 'unknown' && session.isWriting === true)
        output.note('vigil: stopped before the answer came; it may have been applied all the same');
      return stop.exitCode();
    }
    const failure = describeFailure(error, session.words);
    output.note(failure.text);
    return failure.exitCode;
  }
}

/** Waits for readers; for slow ones not long once the command was stopped, and not at all after a second signal. */
async function settle({ output, stop }: Session): Promise<void> {
  const givenUp = new AbortController();
  let limit: NodeJS.Timeout | undefined;
  const onStop = (): void => {
    limit ??= setTimeout(() => givenUp.abort(), SLOW_READER_MS);
  };
  const onHurry = (): void => givenUp.abort();
  if (stop.hurry.aborted) onHurry();
  else if (stop.signal.aborted) onStop();
  stop.signal.addEventListener('abort', onStop);
  stop.hurry.addEventListener('abort', onHurry);
  await output.settled(givenUp.signal);
  clearTimeout(limit);
  stop.signal.removeEventListener('abort', onStop);
  stop.hurry.removeEventListener('abort', onHurry);
}
