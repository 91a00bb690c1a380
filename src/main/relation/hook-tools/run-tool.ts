/**
 * Runs one hook tool as a child process and waits for its end. Main thread. No shell; nothing secret in argv; what a tool printed is
 * never part of an error, except its error text, redacted.
 */
import { spawn } from 'node:child_process';
import { type EtcdError, HookToolError } from '../../../wire/errors.js';
import { clearTimeout, setTimeout } from '../../../wire/timers.js';
import { redact } from './redact.js';

/** One call of a tool. */
export interface ToolCall {
  /** Its name, found on PATH. */
  readonly tool: string;
  readonly args: readonly string[];
  /** For a tool that reads its settings from stdin. */
  readonly stdin?: string | undefined;
  /** Values that the call hands over, by whatever way: taken out of error texts. */
  readonly secrets?: readonly string[] | undefined;
}

/** Limits of every call, and the environment that tells the tools which hook this is. */
export interface ToolSettings {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
}

/** How a tool ended that was not killed. */
interface ToolEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Error texts beyond this are of no use to anybody. */
const MAX_STDERR_BYTES = 64 * 1024;

/**
 * @returns what the tool printed on stdout, when it exited with 0.
 * @throws HookToolError `hook-tool-missing`, `timeout`, or `hook-tool-failed` with its exit code and redacted error text.
 */
export async function runTool(call: ToolCall, settings: ToolSettings): Promise<string> {
  const end = await waitFor(call, settings);
  if (end.exitCode === 0) return end.stdout;
  const how =
    end.exitCode === null
      ? `was ended by ${end.signal ?? 'a signal'}`
      : `failed with exit code ${String(end.exitCode)}`;
  const why = redact(end.stderr, call.secrets ?? []);
  throw new HookToolError(`${call.tool} ${how}${why === '' ? '' : `: ${why}`}`, call.tool, end.exitCode ?? undefined, {
    code: 'hook-tool-failed',
    outcome: end.exitCode === null ? 'unknown' : 'refused',
  });
}

function waitFor(call: ToolCall, settings: ToolSettings): Promise<ToolEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(call.tool, call.args, { env: settings.env, stdio: ['pipe', 'pipe', 'pipe'], shell: false });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let [stdoutBytes, stderrBytes] = [0, 0];
    let refusal: EtcdError | undefined;
    const kill = (error: EtcdError): void => {
      refusal ??= error;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open; nobody reads them any more.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => {
      const seconds = String(settings.timeoutMs / 1000);
      kill(failure(call, 'timeout', `${call.tool} did not end within ${seconds} s (option timeoutMs)`));
    }, settings.timeoutMs);

    child.stdout.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      stdout.push(chunk);
      if (stdoutBytes > settings.maxOutputBytes)
        kill(
          failure(call, 'hook-tool-failed', `${call.tool} printed more than ${String(settings.maxOutputBytes)} bytes`),
        );
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderrBytes < MAX_STDERR_BYTES) stderr.push(chunk);
      stderrBytes += chunk.length;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(refusal ?? notStarted(call, error));
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (refusal !== undefined) reject(refusal);
      else resolve({ exitCode, signal, stdout: textOf(stdout), stderr: textOf(stderr) });
    });
    // A tool that refuses its arguments exits before it reads: its exit code tells more than the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(call.stdin ?? '');
  });
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function notStarted(call: ToolCall, error: Error): EtcdError {
  const code = 'code' in error ? String(error.code) : 'unknown error';
  const why =
    code === 'ENOENT'
      ? 'is not on PATH: either this is no hook of Juju, or this Juju is too old for it'
      : `cannot be started (${code})`;
  return failure(call, 'hook-tool-missing', `${call.tool} ${why}`);
}

function failure(
  call: ToolCall,
  code: 'hook-tool-missing' | 'hook-tool-failed' | 'timeout',
  message: string,
): HookToolError {
  return new HookToolError(message, call.tool, undefined, {
    code,
    outcome: code === 'hook-tool-missing' ? 'not-sent' : 'unknown',
  });
}
