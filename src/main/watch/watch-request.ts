/** A watch as main will ask a shard for it. A type of its own file, so that options and entries need not know each other. */
import type { WatchSpec } from '../../wire/contract.js';

/** A watch as it will be asked for, without the numbers that the engine draws. */
export type WatchRequest = Omit<WatchSpec, 'watch' | 'resumed'>;
