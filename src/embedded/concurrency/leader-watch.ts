/**
 * What an observer of an election is told: each value of each leader, or the newest where it takes them too slowly. Server
 * thread; pure.
 */
import type { KvStore } from '../store/kv-store.js';
import { spanHas } from '../store/key-span.js';
import type { StoredValue } from '../store/stored-value.js';
import { firstCreated, spanOf } from './lock-queue.js';

/** Tells of a leader's value, and of the revision at which it is told. */
export type LeaderListener = (value: StoredValue, revision: number) => void;

/** Follows the leader of one election from now on. Gives what ends it. */
export function watchLeader(store: KvStore, name: Uint8Array, tell: LeaderListener): () => void {
  const span = spanOf(name);
  let leader: string | undefined;

  const elect = (): void => {
    const first = firstCreated(store, name);
    leader = first?.keyText;
    if (first !== undefined) tell(first, store.revision);
  };
  elect();
  return store.onChange((revision, changes) => {
    let lost = false;
    for (const change of changes) {
      if (change.version === 0) {
        lost ||= change.keyText === leader;
      } else if (leader === undefined && spanHas(span, change.keyText)) {
        // Without a leader the first put counts, as etcd's observer has it, whichever key it is.
        leader = change.keyText;
        tell(change, revision);
      } else if (change.keyText === leader && !lost) {
        tell(change, revision);
      }
    }
    if (lost) elect();
  });
}
