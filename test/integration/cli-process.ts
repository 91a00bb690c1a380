/** The built command as a child process, as a user starts it. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { eventually } from '../support/poll.js';

const vigil = fileURLToPath(new URL('../../dist/main/cli/vigil.js', import.meta.url));
const RUN_TIMEOUT_MS = 250_000;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class VigilProcess {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  readonly finished: Promise<Finished>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD')));
    this.child = spawn(process.execPath, [vigil, ...args], { env: { ...own, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const hung = setTimeout(() => this.child.kill('SIGKILL'), RUN_TIMEOUT_MS);
    this.finished = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        clearTimeout(hung);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.finished;
    });
  }

  /** Waits until stdout or stderr has this text. */
  async until(text: string, timeoutMs = 100_000): Promise<void> {
    await eventually(() => this.stdout.includes(text) || this.stderr.includes(text) || this.child.exitCode !== null, {
      timeoutMs,
      what: `"${text}" in the output`,
    });
    if (!this.stdout.includes(text) && !this.stderr.includes(text))
      throw new Error(`vigil ended without "${text}": ${this.stdout}${this.stderr}`);
  }
}

/** Runs a command to its end. */
export function vigilRun(args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin?: Uint8Array): Promise<Finished> {
  const run = new VigilProcess(args, env);
  // It may end before it has read: what it ended with tells more.
  run.child.stdin.on('error', () => undefined).end(stdin);
  return run.finished;
}

/** JSON lines. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>); // vigil prints objects only
}
