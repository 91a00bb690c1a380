/**
 * What the ends of a lane's streams, one after another, say about its watches: nothing, that one of them may be the cause, or
 * that trying again is no use. Pure: no I/O, no timers.
 */
import type { EtcdError } from '../../wire/errors.js';
import { mayPass } from '../../member/failure.js';
import { Persistence } from '../../member/persistence.js';
import type { WatchEntry } from './watch-entry.js';

export type StreamLoss =
  /** Nothing follows for the watches: they are created again. */
  | { readonly kind: 'passing' }
  /** One of these may be the cause, or, where the error says that repeating does not mend it, is: to be tried apart. */
  | { readonly kind: 'suspicious'; readonly watches: readonly WatchEntry[]; readonly isCertain: boolean }
  /** It would end so again and again: the watches are told instead of tried for ever. */
  | { readonly kind: 'permanent'; readonly error: EtcdError };

/** A stream that lived so long proves its member to be fine: the next failure starts counting anew. */
export const STABLE_MS = 5000;

/** What is about one answer, so about one watch; all else is also given by proxies in passing. */
const ANSWER_CODES: ReadonlySet<string> = new Set(['malformed-response', 'message-too-large']);

/** Codes that say nothing of any watch: the member has no leader, or the connection was closed by us. */
const MEMBER_CODES: ReadonlySet<string> = new Set(['no-leader', 'closed']);

/** So many such answers in a row to a watch that is alone, and trying again is no use. */
const ANSWERS_PERMANENT_AFTER = 5;
/** So many streams in a row that ended with creations unanswered, and one of those may be the cause… */
const UNANSWERED_SUSPICIOUS_AFTER = 4;
/** …or is, where it was alone and another stream lived all the time. */
const UNANSWERED_PERMANENT_AFTER = 8;
const PASSING: StreamLoss = { kind: 'passing' };

/** A stream that has ended. */
export interface EndedStream {
  readonly error: EtcdError;
  readonly now: number;
  readonly openedAt: number;
  /** The watches that were on it and on no other. */
  readonly watches: readonly WatchEntry[];
  /** Those of them whose creation was sent and not answered. */
  readonly unanswered: readonly WatchEntry[];
  /** Since when another stream of the shard has been open, with watches on it; Infinity where there is none. */
  readonly othersOpenSince: number;
  /** They are kept apart already, since their stream ended so: that it does again is no accident. */
  readonly isApart: boolean;
  /** Others, tried apart one after another, have all ended: one attempt with a code that repeating does not mend is enough. */
  readonly isServerSuspected: boolean;
}

export class LaneFailures {
  #ignoresNext = false;
  /** Failures in a row that repeating does not mend: of watches together; of one alone, by its answer or otherwise. */
  #together = 0;
  #answers = 0;
  readonly #alone: Persistence;
  /** When each of the last streams in a row was opened that ended early with creations unanswered. */
  #unanswered: number[] = [];

  /** @param now monotonic, in ms. */
  constructor(now: () => number) {
    this.#alone = new Persistence(now);
  }

  /** The next end is explained: it says nothing more. */
  ignoreNext(): void {
    this.#ignoresNext = true;
  }

  reset(): void {
    this.#together = 0;
    this.#resetAlone();
    this.#unanswered = [];
  }

  streamEnded(stream: EndedStream): StreamLoss {
    const { error, now, openedAt } = stream;
    if (now - openedAt >= STABLE_MS) this.reset();
    const isExplained = this.#ignoresNext;
    this.#ignoresNext = false;
    if (isExplained) return PASSING;
    return mayPass(error) ? this.#judgeUnanswered(stream) : this.#judgeCode(stream);
  }

  #judgeCode(stream: EndedStream): StreamLoss {
    const { error, watches, isApart, isServerSuspected } = stream;
    this.#unanswered = [];
    if (watches.length <= 1) {
      this.#together = 0;
      const isPermanent = this.#lastsAlone(error);
      return isPermanent || isServerSuspected ? { kind: 'permanent', error } : PASSING;
    }
    this.#resetAlone();
    this.#together += 1;
    const isFirst = this.#together === 1 && !isApart;
    return isFirst && !ANSWER_CODES.has(error.code) ? PASSING : { kind: 'suspicious', watches, isCertain: true };
  }

  #judgeUnanswered({ error, openedAt, watches, unanswered, othersOpenSince }: EndedStream): StreamLoss {
    this.#together = 0;
    this.#resetAlone();
    if (unanswered.length === 0 || MEMBER_CODES.has(error.code)) {
      this.#unanswered = [];
      return PASSING;
    }
    this.#unanswered = [...this.#unanswered.slice(1 - UNANSWERED_PERMANENT_AFTER), openedAt];
    const count = this.#unanswered.length;
    if (watches.length > 1)
      return count < UNANSWERED_SUSPICIOUS_AFTER
        ? PASSING
        : { kind: 'suspicious', watches: unanswered, isCertain: false };
    const [first = 0] = this.#unanswered;
    return count < UNANSWERED_PERMANENT_AFTER || othersOpenSince > first ? PASSING : { kind: 'permanent', error };
  }

  #lastsAlone(error: EtcdError): boolean {
    const lasts = this.#alone.lasts(error);
    this.#answers = ANSWER_CODES.has(error.code) ? this.#answers + 1 : 0;
    if (!lasts && this.#answers < ANSWERS_PERMANENT_AFTER) return false;
    this.#resetAlone();
    return true;
  }

  #resetAlone(): void {
    this.#alone.passed();
    this.#answers = 0;
  }
}
