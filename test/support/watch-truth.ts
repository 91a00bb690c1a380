/** The true history of a store, as a plain reader of etcd saw it, indexed for comparing many watches with it. Pure. */
import { inRange } from './raw-etcd.js';
import type { RawEvent } from './raw-watch.js';

export interface WatchedRange {
  readonly key: Uint8Array | string;
  /** Left out: the one key. */
  readonly rangeEnd?: Uint8Array | string;
}

export class WatchTruth {
  readonly events: readonly RawEvent[];
  readonly #byKey = new Map<string, RawEvent[]>();

  /** In order, as `RawEtcd.history` gives them. */
  constructor(events: readonly RawEvent[]) {
    this.events = events;
    for (const event of events) {
      const key = keyText(event.key);
      const known = this.#byKey.get(key);
      if (known === undefined) this.#byKey.set(key, [event]);
      else known.push(event);
    }
  }

  get lastRevision(): bigint {
    return this.events.at(-1)?.modRevision ?? 0n;
  }

  /** What a watch of the range sees from `first` to `last`, both inclusive. */
  select(range: WatchedRange, first: bigint, last: bigint): RawEvent[] {
    const single = range.rangeEnd === undefined || range.rangeEnd.length === 0;
    const candidates = single ? (this.#byKey.get(keyText(Buffer.from(range.key))) ?? []) : this.events;
    return candidates.filter(
      ({ key, modRevision }) =>
        modRevision >= first && modRevision <= last && (single || inRange(key, range.key, range.rangeEnd)),
    );
  }
}

export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
