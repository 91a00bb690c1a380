/** What a command is given to work with, and how it hands its exit code to the entry. */
import type { FlagWords } from './flag-words.js';
import type { Output } from './output.js';
import type { Stop } from './stop.js';

export interface Session {
  readonly output: Output;
  readonly stop: Stop;
  readonly env: NodeJS.ProcessEnv;
  /** Where the settings of the connection came from, for messages; set once they are known. */
  words: FlagWords;
  /** What the command does changes something: when no answer came, it says so. */
  isWriting?: boolean;
  /** What was changed, for a line where the result itself cannot be printed. */
  done?: string;
}

export interface CommandContext {
  /** Runs a command's work and keeps its exit code. */
  readonly run: (work: (session: Session) => Promise<number>) => Promise<void>;
}
