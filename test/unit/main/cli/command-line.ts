/** A command line run within the test's process, with streams that keep what is written. */
import { Writable } from 'node:stream';
import { runVigil } from '../../../../src/main/cli/run.js';
import type { Stop } from '../../../../src/main/cli/stop.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keeps what is written. */
export class KeptStream extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

export async function runLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  attach: (stop: Stop) => void = () => undefined,
): Promise<CommandResult> {
  const [stdout, stderr] = [new KeptStream(), new KeptStream()];
  const leave = (): void => {
    throw new Error('the command wanted to end its process');
  };
  const code = await runVigil(args, { stdout, stderr, env, leave, attach });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
