/** How a watch ends, as its owner is told. Main thread; pure. */
import { CompactedError, type EtcdError } from '../../wire/errors.js';
import { plainValue } from '../plain-value.js';

/** What every end of a watch carries. */
interface WatchEndBase {
  /**
   * Everything up to and including this revision was delivered: to go on, watch from `lastRevision + 1n`. Undefined when
   * nothing was.
   */
  readonly lastRevision: bigint | undefined;
}

/** The one end of a watch. */
export type WatchEnd =
  /** As asked: by `cancel()`, by leaving the loop, by the signal, by closing its group or the engine. */
  | (WatchEndBase & { readonly reason: 'cancelled' })
  /** The history it needed next is gone; `compactRevision` is the oldest that can still be watched. */
  | (WatchEndBase & {
      readonly reason: 'compacted';
      readonly compactRevision: bigint;
      readonly error: CompactedError;
    })
  /** The store went backwards (wiped, restored, another cluster): read everything again. */
  | (WatchEndBase & { readonly reason: 'reset'; readonly error: EtcdError })
  /** Anything else; `error.code` tells. */
  | (WatchEndBase & { readonly reason: 'failed'; readonly error: EtcdError });

/** The end that belongs to an error; no error is a cancel. */
export function watchEnd(error: EtcdError | undefined, lastRevision: bigint | undefined): WatchEnd {
  if (error === undefined) return plainValue({ reason: 'cancelled', lastRevision });
  if (error instanceof CompactedError)
    return plainValue({ reason: 'compacted', compactRevision: error.compactRevision, error, lastRevision });
  return plainValue({ reason: error.code === 'reset' ? 'reset' : 'failed', error, lastRevision });
}
