/** Follows a password file: reads it again when it changes. Main thread; owns its watch. What cannot be used is told once. */
import { type EtcdError, toEtcdError } from '../../wire/errors.js';
import { FileWatch } from '../file-watch.js';
import { readPassword } from './auth-options.js';

export interface PasswordWatchHandlers {
  /** What the file holds; perhaps the same as before. */
  readonly read: (password: string) => void;
  readonly refused: (error: EtcdError) => void;
}

export class PasswordWatch {
  readonly #files: FileWatch;
  #isClosed = false;
  /** Reads overtake each other: only the newest counts. */
  #newest = 0;
  #lastRefusal: string | undefined;

  constructor(path: string, handlers: PasswordWatchHandlers) {
    this.#files = new FileWatch([path], () => void this.#read(path, handlers));
  }

  close(): void {
    this.#isClosed = true;
    this.#files.close();
  }

  async #read(path: string, { read, refused }: PasswordWatchHandlers): Promise<void> {
    const turn = (this.#newest += 1);
    const found = await readPassword(path, 'password-file').catch((thrown: unknown) => toEtcdError(thrown));
    if (this.#isClosed || turn !== this.#newest) return;
    if (typeof found === 'string') {
      this.#lastRefusal = undefined;
      read(found);
    } else if (found.message !== this.#lastRefusal) {
      this.#lastRefusal = found.message;
      refused(found);
    }
  }
}
