/**
 * What the kv service answers with: keys with their values and revisions, and the header of each answer. Main thread.
 */
import type { Bytes } from '../bytes.js';

/** One key as it was at one revision. */
export interface KeyValue {
  readonly key: Bytes;
  /** Empty where only keys were asked for. */
  readonly value: Bytes;
  /** The revision in which the key was last created. */
  readonly createRevision: bigint;
  /** The revision of its last change. */
  readonly modRevision: bigint;
  /** How often it was written since it was created: 1n is a key just created. */
  readonly version: bigint;
  /** The lease that it hangs on; 0n for none. */
  readonly lease: bigint;
}

/** Who answered, and where the store was. */
export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** The store's revision when the call was served. */
  readonly revision: bigint;
  readonly raftTerm: bigint;
}

/** What a range read found. */
export interface RangeResult {
  /** In the order of the keys, unless a sort was asked for. */
  readonly kvs: readonly KeyValue[];
  /** Whether `limit` cut the result. */
  readonly more: boolean;
  /** How many keys the range has, whatever `limit` and the revision bounds let through. */
  readonly count: bigint;
  readonly header: ResponseHeader;
}

export interface PutResult {
  /** What the key was before; undefined where it was not there, or `prevKv` was not asked for. */
  readonly prevKv: KeyValue | undefined;
  readonly header: ResponseHeader;
}

export interface DeleteResult {
  readonly deleted: bigint;
  /** What was deleted, where `prevKv` asked for it. */
  readonly prevKvs: readonly KeyValue[];
  readonly header: ResponseHeader;
}

export interface CompactResult {
  readonly header: ResponseHeader;
}
