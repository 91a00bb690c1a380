/** The built command as a child process whose output goes nowhere: a pipe that nobody reads any more, or a disk that is full. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { eventually } from '../support/poll.js';

const vigil = fileURLToPath(new URL('../../dist/main/cli/vigil.js', import.meta.url));

/** `open` is read; `closed` was closed before the command started; `full` has no space left; `unread` is never read. */
export type StreamKind = 'open' | 'closed' | 'full' | 'unread';

export interface StreamRun {
  readonly child: ChildProcess;
  readonly text: { stdout: string; stderr: string };
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Waits until one of the open streams has this text. */
  until(text: string): Promise<void>;
}

export interface StreamKinds {
  readonly stdout?: StreamKind;
  readonly stderr?: StreamKind;
  readonly env?: NodeJS.ProcessEnv;
}

export function startVigil(args: readonly string[], kinds: StreamKinds = {}): StreamRun {
  const { stdout = 'open', stderr = 'open', env = {} } = kinds;
  const full = openSync('/dev/full', 'w');
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD')));
  const stdio = [stdout, stderr].map((kind) => (kind === 'full' ? full : 'pipe'));
  const child = spawn(process.execPath, [vigil, ...args], { env: { ...own, ...env }, stdio: ['pipe', ...stdio] });
  closeSync(full);
  const text = { stdout: '', stderr: '' };
  for (const [name, kind] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    // Long before Node has started in the child.
    if (kind === 'closed') child[name]?.destroy();
    if (kind === 'open') child[name]?.setEncoding('utf8').on('data', (part: string) => (text[name] += part));
  }
  const ended = once(child, stdout === 'unread' ? 'exit' : 'close').then(([code, signal]) => ({
    // As node:child_process documents.
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    child.stdout?.destroy();
    await ended;
  });
  return {
    child,
    text,
    ended,
    until: async (wanted) => {
      const isThere = (): boolean => text.stdout.includes(wanted) || text.stderr.includes(wanted);
      await eventually(() => isThere() || child.exitCode !== null, { timeoutMs: 40_000, what: `"${wanted}"` });
      if (!isThere()) throw new Error(`vigil ended without "${wanted}": ${text.stdout}${text.stderr}`);
    },
  };
}
