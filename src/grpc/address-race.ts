/**
 * Which of a name's addresses to connect to (RFC 8305): tried in turn, the families by turns, each with a head start before the next one
 * is tried beside it; the first that accepts a connection is it. Node's own way gives each address 250 ms and then gives it up for
 * good, so that where every round trip takes longer nothing ever connects. Any thread; owns the connections it tries with.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { connect, type LookupFunction, type Socket } from 'node:net';
import type { GuardedTimers } from '../wire/guarded-timers.js';
import type { WhileIdle } from './grpc-connection.js';

const HEAD_START_MS = 250;

/** With an error node gives no addresses at all, in spite of its types. */
type Resolve = (
  host: string,
  callback: (error: Error | null, addresses: readonly LookupAddress[] | undefined) => void,
) => void;

/** A connection that is tried: what is used of a socket. */
export type Trial = Pick<Socket, 'destroy' | 'once' | 'on' | 'unref'>;

export interface AddressRaceParts {
  readonly timers: GuardedTimers;
  /** An address that has not accepted by then is given up. */
  readonly limitMs: number;
  /** With `'unref'` trying does not keep the process alive: whoever waits for it does. */
  readonly whileIdle?: WhileIdle | undefined;
  readonly resolve?: Resolve | undefined;
  readonly open?: ((address: string, port: number) => Trial) | undefined;
}

/** By name and port. Names and members are few, so nothing is taken out for room. */
interface History {
  /** Connected to last: not tried first again. */
  proven: string | undefined;
  /** Did not lead to a member when it was used last: tried after the others. */
  failed: string | undefined;
}

const histories = new Map<string, History>();

function historyOf(host: string, port: number): History {
  const key = `${host}:${String(port)}`;
  const known = histories.get(key) ?? { proven: undefined, failed: undefined };
  histories.set(key, known);
  return known;
}

/** A connection that was made to the address of this name came to nothing: others are tried before it the next time. */
export function addressFailed(host: string, port: number): void {
  const history = historyOf(host, port);
  history.failed = history.proven ?? history.failed;
  history.proven = undefined;
}

/** A way of looking names up for `net.connect`: it gives the one address to connect to. */
export interface AddressRace {
  readonly lookup: LookupFunction;
  /** Nobody waits any more: what is being tried is given up, and nobody is called back. Idempotent. */
  readonly cancel: () => void;
}

export function addressRace(port: number, parts: AddressRaceParts): AddressRace {
  const resolve: Resolve =
    parts.resolve ?? ((host, callback) => systemLookup(host, { all: true, order: 'verbatim' }, callback));
  let isCancelled = false;
  let cancelRace = (): void => undefined;
  const lookup: LookupFunction = (host, _options, callback) => {
    resolve(host, (error, addresses = []) => {
      if (isCancelled) return;
      const [first, ...others] = addresses;
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${host} has no address`), '', 0);
        return;
      }
      const history = historyOf(host, port);
      const known = addresses.find(({ address }) => address === history.proven);
      const only = known ?? (others.length === 0 ? first : undefined);
      if (only !== undefined) {
        callback(null, only.address, only.family);
        return;
      }
      cancelRace = race(inOrder(addresses, history.failed), port, parts, (failure, winner) => {
        history.proven = winner?.address;
        callback(failure ?? null, winner?.address ?? '', winner?.family);
      });
    });
  };
  return {
    lookup,
    cancel: () => {
      isCancelled = true;
      cancelRace();
    },
  };
}

/** @returns what gives it up. */
function race(
  order: readonly LookupAddress[],
  port: number,
  { timers, limitMs, whileIdle, open = openTrial }: AddressRaceParts,
  done: (failure: Error | undefined, winner: LookupAddress | undefined) => void,
): () => void {
  const untried = [...order];
  const trials = new Set<Trial>();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    timers.clear(timer);
    timers.clear(limit);
    for (const trial of trials) trial.destroy();
  };
  const finish = (failure: Error | undefined, winner: LookupAddress | undefined): void => {
    if (isOver) return;
    stop();
    done(failure, winner);
  };
  const limit = timers.setTimeout(() => {
    finish(Object.assign(new Error('none of its addresses accepts a connection'), { code: 'ETIMEDOUT' }), undefined);
  }, limitMs);
  if (whileIdle === 'unref') limit.unref();
  const tryNext = (): void => {
    timers.clear(timer);
    const address = untried.shift();
    if (address === undefined) return;
    const trial = open(address.address, port);
    trials.add(trial);
    if (whileIdle === 'unref') trial.unref();
    trial.once('connect', () => {
      finish(undefined, address);
    });
    // Also after it was destroyed: an error of nobody would be the process's.
    trial.on('error', (error: Error) => {
      trials.delete(trial);
      if (isOver) return;
      if (untried.length > 0) tryNext();
      else if (trials.size === 0) finish(error, undefined);
    });
    if (untried.length === 0) return;
    timer = timers.setTimeout(tryNext, HEAD_START_MS);
    if (whileIdle === 'unref') timer.unref();
  };
  tryNext();
  return stop;
}

function openTrial(address: string, port: number): Socket {
  return connect({ host: address, port });
}

/** The families by turns, the first address's first; within a family as the system sorted them; one that failed last of all. */
function inOrder(addresses: readonly LookupAddress[], failed: string | undefined): LookupAddress[] {
  const family = addresses[0]?.family;
  const ours = addresses.filter((address) => address.family === family);
  const others = addresses.filter((address) => address.family !== family);
  const ordered = addresses
    .flatMap((_, place) => [ours[place], others[place]])
    .filter((address) => address !== undefined);
  return [
    ...ordered.filter(({ address }) => address !== failed),
    ...ordered.filter(({ address }) => address === failed),
  ];
}
