/** The engine under test, from the built package, in every way it can be run; and what a recorder has to know of its events. */
import { connect, type ConnectOptions, type Etcd, type GroupBatch, type WatchBatch } from 'etcd-vigil';
import type { DeliveredEvent, WatchRecorder } from './watch-recorder.js';
import { RawEtcd } from './raw-etcd.js';
import { WatchTruth } from './watch-truth.js';

/** How the engine is run. */
export interface Combination {
  readonly transport: 'http2' | 'grpc-js';
  readonly shards: 1 | 2 | 'inline';
}

/** The full matrix; the server's version is the third dimension, given by ETCD_BIN. */
export const COMBINATIONS: readonly Combination[] = [
  { transport: 'http2', shards: 1 },
  { transport: 'http2', shards: 'inline' },
  { transport: 'grpc-js', shards: 1 },
  { transport: 'grpc-js', shards: 'inline' },
];

export function combinationName({ transport, shards }: Combination): string {
  return `${transport}, ${shards === 'inline' ? 'inline' : 'threads'}`;
}

/** Connects, runs, closes whatever happens. */
export async function withEngine<T>(options: ConnectOptions, run: (etcd: Etcd) => Promise<T>): Promise<T> {
  const etcd = await connect(options);
  try {
    return await run(etcd);
  } finally {
    await etcd.close();
  }
}

/** Records every part of a group's batch under its label. */
export function recordGroup(recorder: WatchRecorder): (batch: GroupBatch) => void {
  return (batch) => {
    for (const part of batch.parts) {
      if (part.progress) recorder.addProgress(part.watchId, part.revision);
      else recorder.add(part.watchId, delivered(part.events));
    }
  };
}

export function recordWatch(recorder: WatchRecorder, label: string): (batch: WatchBatch) => void {
  return (batch) => {
    recorder.add(label, delivered(batch));
  };
}

function* delivered(events: Iterable<DeliveredEvent>): Generator<DeliveredEvent> {
  for (const { type, key, value, modRevision } of events) yield { type, key, value, modRevision };
}

/** The store's history as an independent reader sees it. */
export async function trueHistory(address: string, first: bigint, last: bigint): Promise<WatchTruth> {
  const raw = new RawEtcd(address);
  try {
    return new WatchTruth(await raw.history(first, last));
  } finally {
    raw.close();
  }
}
