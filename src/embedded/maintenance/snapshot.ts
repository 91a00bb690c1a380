/**
 * The store as bytes with their SHA-256, for the Snapshot call. Opaque: only clients that save and compare snapshots can use
 * them, `etcdctl snapshot restore` cannot. Server thread; pure.
 */
import { createHash } from 'node:crypto';
import { mvccpb } from '../../generated/etcd.js';
import type { KvStore } from '../store/kv-store.js';
import { keyValueMessage } from '../store/stored-value.js';

/** What one message carries. */
const CHUNK_BYTES = 32 * 1024;
/** A saved snapshot is known to end with its hash by its size: whole pages, and 32 bytes more. */
const PAGE_BYTES = 4096;
const TITLE = 'etcd-vigil embedded snapshot\n';

/** One message of the stream. */
export interface SnapshotChunk {
  readonly bytes: Uint8Array;
  /** Still to come after this one; the hash is not counted. */
  readonly remainingBytes: number;
}

/** The store as it is now, in chunks. */
export function* snapshotChunks(content: Uint8Array): Generator<SnapshotChunk> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES) {
    const bytes = content.subarray(at, at + CHUNK_BYTES);
    yield { bytes, remainingBytes: content.length - at - bytes.length };
  }
  yield { bytes: createHash('sha256').update(content).digest(), remainingBytes: 0 };
}

/** Whole pages: a title, then each version behind its length. */
export function snapshotContent(store: KvStore): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`${TITLE}${store.revision}\n`)];
  store.visitVersions((version) => {
    const message = mvccpb.KeyValue.encode(keyValueMessage(version)).finish();
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    parts.push(length, message);
  });
  const content = Buffer.concat(parts);
  return Buffer.concat([content], Math.ceil(content.length / PAGE_BYTES) * PAGE_BYTES);
}
