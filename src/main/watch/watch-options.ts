/** Options of watches and groups: types, rules, and the request that they become. Main thread; pure. */
import { int64Rule } from '../../wire/int64.js';
import { toKeyRange, type RangeInput } from '../../wire/key-range.js';
import {
  booleanRule,
  checkOptions,
  choiceRule,
  functionRule,
  integerRule,
  invalidOption,
  signalRule,
  textRule,
  type OptionTable,
} from '../../wire/arguments.js';
import type { GroupBatch } from './group-batch.js';
import type { GroupWatch } from './group-watch.js';
import type { OnLag } from './on-lag.js';
import type { WatchBatch } from './watch-batch.js';
import type { WatchEnd } from './watch-end.js';
import type { WatchRequest } from './watch-request.js';

/** What can be asked for each single watch. */
export interface WatchRangeOptions {
  /**
   * The first revision wanted, inclusive, 1n or more. Default: whatever happens after the watch was created, and nothing that this
   * engine had been answered before it was asked for (by any call, lease or watch); `ready` tells where it begins.
   */
  readonly startRevision?: bigint | undefined;
  /** Events carry the key-value that they replaced. Costs the server a read for each event. Default false. */
  readonly prevKv?: boolean | undefined;
  /** Only puts or only deletes; filtered by the server. Default `'all'`. */
  readonly events?: 'all' | 'put' | 'delete' | undefined;
  /** Also deliver empty batches that tell how far an idle watch has come (every 10 minutes by etcd's default). Default false. */
  readonly progressNotify?: boolean | undefined;
  /**
   * Whether the server splits answers above its request limit (1.5 MiB by default); revisions are put together again here.
   * etcd takes time quadratic to the events of a fragment for it, so by default answers come whole up to 16 MiB, and the
   * watches of a stream that brought a larger one are asked for again, split. False: never split, up to `maxMessageBytes`.
   */
  readonly fragment?: boolean | undefined;
  /** Cancels the watch. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Etcd.watch}. */
export interface WatchOptions extends WatchRangeOptions {
  /** Default `'pause'`. */
  readonly onLag?: OnLag | undefined;
  /** Bytes that may wait unread before `onLag` applies. Default 4 MiB. */
  readonly budgetBytes?: number | undefined;
  /** Called with each batch instead of iterating. The next call waits for the promise that it returns; a throw ends the watch. */
  readonly onBatch?: ((batch: WatchBatch) => void | PromiseLike<void>) | undefined;
}

/** Options of {@link Etcd.watchGroup}. */
export interface WatchGroupOptions {
  /** Called with each batch instead of iterating. The next call waits for the promise that it returns; a throw ends the group. */
  readonly onBatch?: ((batch: GroupBatch) => void | PromiseLike<void>) | undefined;
  /** Called, in order with the batches, when a member has ended. Not waited for; a throw or a rejection ends the group. */
  readonly onEnd?: ((member: GroupWatch, end: WatchEnd) => void) | undefined;
  /** Default `'pause'`. With `'fail'` the members that bring events while the group lags end, the others stay. */
  readonly onLag?: OnLag | undefined;
  /** Bytes that may wait unread in the whole group before `onLag` applies. Default 16 MiB. */
  readonly budgetBytes?: number | undefined;
  /** For status events. */
  readonly name?: string | undefined;
  /** Closes the group. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link WatchGroup.add}. */
export interface GroupWatchOptions extends WatchRangeOptions {
  /** The label of the watch, unique in its group. Default: a number that the group draws. */
  readonly watchId?: bigint | undefined;
}

const rangeRules: OptionTable<WatchRangeOptions> = {
  startRevision: (value, name) => {
    int64Rule(1n)(value, name);
    if (typeof value === 'bigint' && value > BigInt(Number.MAX_SAFE_INTEGER))
      throw invalidOption(`${name} must be at most ${String(Number.MAX_SAFE_INTEGER)}n`);
  },
  prevKv: booleanRule,
  events: choiceRule('all', 'put', 'delete'),
  progressNotify: booleanRule,
  fragment: booleanRule,
  signal: signalRule,
};

const budgetRule = integerRule(1024, 2 ** 31 - 1);

const watchRules: OptionTable<WatchOptions> = {
  ...rangeRules,
  onLag: choiceRule('pause', 'fail'),
  budgetBytes: budgetRule,
  onBatch: functionRule,
};

const groupRules: OptionTable<WatchGroupOptions> = {
  onBatch: functionRule,
  onEnd: functionRule,
  onLag: choiceRule('pause', 'fail'),
  budgetBytes: budgetRule,
  name: textRule,
  signal: signalRule,
};

const groupWatchRules: OptionTable<GroupWatchOptions> = { ...rangeRules, watchId: int64Rule(-(2n ** 63n)) };

/** @throws EtcdError `invalid-argument`. */
export function checkWatchOptions(options: WatchOptions): void {
  checkOptions<WatchOptions>(options, watchRules, 'watch');
}

/** @throws EtcdError `invalid-argument`. */
export function checkGroupOptions(options: WatchGroupOptions): void {
  checkOptions<WatchGroupOptions>(options, groupRules, 'watchGroup');
}

/** @throws EtcdError `invalid-argument`. */
export function checkGroupWatchOptions(options: GroupWatchOptions): void {
  checkOptions<GroupWatchOptions>(options, groupWatchRules, 'add');
}

/**
 * The request for a range with checked options.
 *
 * @throws EtcdError `invalid-argument` for a range that is none.
 */
export function watchRequest(range: RangeInput, options: WatchRangeOptions, what: string): WatchRequest {
  const { key, rangeEnd } = toKeyRange(range, `${what}: range`);
  return {
    key,
    rangeEnd,
    startRevision: Number(options.startRevision ?? 0n),
    prevKv: options.prevKv ?? false,
    noPut: options.events === 'delete',
    noDelete: options.events === 'put',
    progressNotify: options.progressNotify ?? false,
    fragment: options.fragment,
  };
}
