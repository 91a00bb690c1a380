/**
 * Hashes of the store. The same keys, values and revisions give the same hash, other ones almost surely another; the numbers
 * are not those of etcd. Server thread; pure.
 */
import { crc32 } from 'node:zlib';
import { failure } from '../rpc-failure.js';
import type { KvStore } from '../store/kv-store.js';
import { keyValueMessage } from '../store/stored-value.js';
import { mvccpb } from '../../generated/etcd.js';

/** Not 0, which a client would take for no answer. */
const EMPTY_HASH = 1;

export interface StoreHash {
  readonly hash: number;
  /** The compaction that the hash stands on; -1 before the first. */
  readonly compactRevision: number;
}

/**
 * The hash of all versions up to a revision; 0 is the current one.
 *
 * @throws RpcFailure for a revision in the future, or compacted and not among the latest compactions.
 */
export function hashKv(store: KvStore, revision: number): StoreHash {
  const compaction = store.compactions.find((done) => done.revision === revision);
  // etcd keeps the hash that it made before it compacted: it stands on the compaction before.
  if (compaction !== undefined) return { hash: hashUpTo(store, revision), compactRevision: compaction.before };
  if (revision > 0 && revision < store.compactRevision) throw failure('compacted');
  if (revision > store.revision) throw failure('futureRev');
  const upTo = revision === 0 ? store.revision : revision;
  return { hash: hashUpTo(store, upTo), compactRevision: store.compactRevision };
}

/** The hash of everything. */
export function hashAll(store: KvStore): number {
  return hashUpTo(store, store.revision);
}

function hashUpTo(store: KvStore, revision: number): number {
  let hash = EMPTY_HASH;
  store.visitVersions((version) => {
    if (version.modRevision <= revision) hash = crc32(mvccpb.KeyValue.encode(keyValueMessage(version)).finish(), hash);
  });
  return hash;
}
