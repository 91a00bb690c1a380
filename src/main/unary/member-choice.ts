/**
 * Which member takes the next attempt of a call: one that is connected, in turn, and not one that failed lately while others are
 * there; otherwise the first that can be connected to. Main thread. One for each call; the health of members is shared by all.
 */
import type { EtcdError } from '../../wire/errors.js';
import { mayRepeat, remedyFor, wroteNothing } from '../../member/failure.js';
import type { MemberHealth } from '../../member/member-health.js';
import { HEAD_START_MS, MemberSearch } from '../../member/member-search.js';
import type { Timers } from '../../member/timers.js';
import type { CallScope } from './call-scope.js';
import type { LiveConnection } from './live-connection.js';
import type { MemberLink } from './member-link.js';
import type { MemberSet } from './member-set.js';
import type { UnaryCallOptions } from './unary-method.js';

/** While a member in favour connects, those that failed lately wait this long to be asked again. */
const FAVOUR_MS = 1_000;

/** A member that takes calls. */
export interface Chosen {
  readonly link: MemberLink;
  readonly live: LiveConnection;
}

/** What choices are made with, the same for all of a client. */
export interface ChoiceParts {
  readonly health: MemberHealth;
  readonly timers: Timers;
  readonly random: () => number;
}

export class MemberChoice {
  readonly #parts: ChoiceParts;
  readonly #options: UnaryCallOptions;
  /** Where this round begins in the list. */
  #first: number;
  /** Members that took an attempt in this round. */
  #tried: Set<MemberLink> | undefined;

  /** @param first where the first round begins. */
  constructor(parts: ChoiceParts, options: UnaryCallOptions, first: number) {
    this.#parts = parts;
    this.#options = options;
    this.#first = first;
  }

  /** The member took an attempt and another one is to be made. True when all have: then a new round begins, one further. */
  tried({ links }: MemberSet, link: MemberLink): boolean {
    this.#tried ??= new Set();
    this.#tried.add(link);
    const isOver = this.#options.member !== undefined || links.every((other) => this.#tried?.has(other));
    if (isOver) this.newRound();
    return isOver;
  }

  newRound(): void {
    this.#tried = undefined;
    this.#first += 1;
  }

  /** A member that is connected, without waiting: the hot path. The one whose turn it was is made to connect meanwhile. */
  now({ links, names }: MemberSet): Chosen | undefined {
    const { member } = this.#options;
    if (member !== undefined) return chosen(links[member], links[member]?.ready(false));
    const { health } = this.#parts;
    let full: Chosen | undefined;
    let isFirst = true;
    for (let offset = 0; offset < links.length; offset += 1) {
      const place = (this.#first + offset) % links.length;
      const link = links[place];
      if (link === undefined || this.#tried?.has(link) === true || health.isAvoided(names[place] ?? '')) continue;
      const live = link.ready(true);
      if (live === undefined) {
        if (isFirst) link.warm();
      } else if (live.connection.freeStreams > 0) {
        return { link, live };
      } else {
        full ??= { link, live };
      }
      isFirst = false;
    }
    // A call waits for a place in a full connection. Where all failed lately, the search asks them in turn.
    return full;
  }

  /** Searches until a member takes calls; undefined when there are other members now. Rejects with the end of the call. */
  search(members: MemberSet, scope: CallScope): Promise<Chosen | undefined> {
    const { links, names } = members;
    const { health, timers, random } = this.#parts;
    const { member } = this.#options;
    let order: readonly number[] | undefined;
    /** Members of this search that gave an answer which the others may not give. */
    const doubtful = new Set<number>();
    const isAvoided = (place: number): boolean => health.isAvoided(names[place] ?? '');
    return scope.race<Chosen | undefined>((resolve, reject) => {
      const search = new MemberSearch<LiveConnection>({
        timers,
        random,
        order: () => (order = this.#order(members, order === undefined)),
        headStartMs: (place) => (isAvoided(place) && order?.every(isAvoided) !== true ? FAVOUR_MS : HEAD_START_MS),
        attempt: (place) => ({
          found: links[place]?.usable(member === undefined) ?? Promise.reject(new RangeError('no such member')),
          // The connection is there for the next call.
          cancel: () => undefined,
        }),
        onFound: (live, place) => {
          unlisten();
          resolve(chosen(links[place], live));
        },
        onFailure: (place, error) => {
          scope.lastFailure = error;
          if (this.#goesOnAfter(error)) return;
          // Of the call itself nothing was sent: it is told only what all members say.
          if (remedyFor(error) === 'doubtful' && wroteNothing(error)) {
            doubtful.add(place);
            if (member === undefined && doubtful.size < links.length) return;
          }
          stop();
          reject(error);
        },
      });
      const stop = (): void => {
        unlisten();
        search.cancel();
      };
      const unlisten = members.onRetired(() => {
        stop();
        resolve(undefined);
      });
      return stop;
    });
  }

  /** What is left of this round, or a new one. */
  #order({ links, names }: MemberSet, isThisRound: boolean): number[] {
    const { member } = this.#options;
    if (member !== undefined) return [member];
    if (!isThisRound) this.newRound();
    const order = this.#parts.health.order(names, this.#first % links.length);
    return order.filter((place) => {
      const link = links[place];
      return link !== undefined && this.#tried?.has(link) !== true;
    });
  }

  #goesOnAfter(error: EtcdError): boolean {
    return mayRepeat(error, this.#options.repeatable) && this.#options.mayRepeat?.() !== false;
  }
}

function chosen(link: MemberLink | undefined, live: LiveConnection | undefined): Chosen | undefined {
  return link === undefined || live === undefined ? undefined : { link, live };
}
