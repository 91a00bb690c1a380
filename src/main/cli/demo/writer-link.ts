/** The writer's process as the demo sees it. */
import { EtcdError } from '../../../wire/errors.js';
import { HelperProcess } from './helper-process.js';
import type { FromWriter, ToWriter, WriterStart } from './messages.js';

const CLOSE_TIMEOUT_MS = 3_000;
/** For what is under way when nobody waits for the check any more. */
const LAST_ANSWERS_MS = 1_000;
/** Transactions under way are answered or time out within the request's time limit; this is for a writer that hangs. */
const DONE_TIMEOUT_MS = 20_000;

/** How the writing ended. */
export interface WriterEnd {
  /** Writes that failed. */
  readonly refused: number;
  /** Why the last of them failed, or why the writer did. */
  readonly lastError: string | undefined;
  /** The writer ended before it had told everything: the check cannot be complete. */
  readonly broken: boolean;
}

export class WriterLink {
  readonly #process: HelperProcess<ToWriter, FromWriter>;
  /** Resolves when the writer writes, or has ended. */
  readonly ready: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<WriterEnd>;
  #hasEnded = false;

  constructor(start: WriterStart, onWrites: (rows: Float64Array) => void) {
    let settleReady: () => void = () => undefined;
    let settleEnd: (end: WriterEnd) => void = () => undefined;
    this.ready = new Promise((resolve) => (settleReady = resolve));
    this.ended = new Promise((resolve) => (settleEnd = resolve));
    void this.ended.then(() => {
      this.#hasEnded = true;
      settleReady();
    });
    this.#process = new HelperProcess('demo-writer', (message) => {
      switch (message.kind) {
        case 'ready':
          settleReady();
          break;
        case 'writes':
          onWrites(message.rows);
          break;
        case 'done':
          settleEnd({ refused: message.refused, lastError: message.lastError, broken: false });
          break;
        case 'failed':
          settleEnd({ refused: 0, lastError: message.message, broken: true });
          break;
        default:
          message satisfies never;
      }
    });
    void this.#process.exited.then((how) => settleEnd({ refused: 0, lastError: how, broken: true }));
    this.#process.send(start);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  seen(count: number): void {
    this.#process.send({ kind: 'seen', count });
  }

  /** Stops the writing; resolves when every write has been told. */
  async stop(): Promise<WriterEnd> {
    this.#process.send({ kind: 'stop' });
    const hung = setTimeout(() => void this.close(), DONE_TIMEOUT_MS);
    const end = await this.ended;
    clearTimeout(hung);
    await this.close();
    return end;
  }

  /** Nothing is written any more when this resolves, unless the server does not answer. */
  async close(): Promise<void> {
    this.#process.send({ kind: 'stop' });
    let limit: NodeJS.Timeout | undefined;
    // A write that is on its way could otherwise arrive after the demo's keys were deleted.
    await Promise.race([this.ended, new Promise((resolve) => (limit = setTimeout(resolve, LAST_ANSWERS_MS)))]);
    clearTimeout(limit);
    await this.#process.close(CLOSE_TIMEOUT_MS);
  }
}

/** Puts what the rows say into a ledger's terms. */
export function eachWrite(
  rows: Float64Array,
  write: (key: number, revision: number, number: number, isUnanswered: boolean) => void,
): void {
  if (rows.length % 4 !== 0) throw new EtcdError('the writer sent a torn report', { code: 'internal' });
  for (let at = 0; at < rows.length; at += 4) {
    write(rows[at] ?? 0, rows[at + 1] ?? 0, rows[at + 2] ?? 0, rows[at + 3] === 1);
  }
}
