/**
 * Notices that files have changed: by the system's events where it sends them, and by looking now and then where it does not
 * (network file systems, links exchanged further up in the path). Main thread; owns its watchers and timer, none of which
 * keeps the process alive. Reads no content.
 */
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../wire/timers.js';

/** After an event: whoever writes several files, or one in pieces, is mostly done by then. */
const SETTLE_MS = 50;
const POLL_MS = 1_000;

export class FileWatch {
  readonly #paths: readonly string[];
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #settle: NodeJS.Timeout | undefined;
  #last: string | undefined;
  #isLooking = false;
  #isClosed = false;

  /**
   * @param onChange called after each change, and once at first: what was read before the watch began may be outdated already.
   *   Files that are not there, or there again, count as changed.
   */
  constructor(paths: readonly string[], onChange: () => void, pollMs: number = POLL_MS) {
    this.#paths = paths;
    this.#onChange = onChange;
    this.#poll = setInterval(() => void this.#look(), pollMs);
    this.#poll.unref();
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    this.#listen();
    const seen = (await Promise.all(this.#paths.map(fingerprint))).join('\n');
    this.#isLooking = false;
    // The truth comes with awaiting: closed meanwhile.
    if ((this.#isClosed as boolean) || seen === this.#last) return;
    this.#last = seen;
    this.#onChange();
  }

  /** Watches folders, not files: a file that is replaced by renaming is another one. */
  #listen(): void {
    for (const folder of new Set(this.#paths.map((path) => dirname(path)))) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => {
          this.#settle ??= setTimeout(() => {
            this.#settle = undefined;
            void this.#look();
          }, SETTLE_MS).unref();
        });
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // No such folder yet, or no watches left: looking now and then has to do.
      }
    }
  }
}

/** Changes whenever the file is written, replaced or removed. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch {
    return 'absent';
  }
}
