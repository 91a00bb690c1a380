/**
 * One event of a watch: a view on a row of its batch. Main thread. Nothing is decoded or copied until it is read.
 */
import { EVENT_DELETE, NO_PREV, type EventBatchData } from '../../wire/event-batch.js';
import { defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import { Bytes } from '../bytes.js';
import type { KeyValue } from '../kv/key-value.js';
import { plainValue } from '../plain-value.js';
import { copyRows } from './copy-rows.js';

/**
 * A put or a delete. Its bytes belong to the batch that it came in, which other watchers may share: do not write to them,
 * and keep `copy()` of an event that is to be kept, or the whole batch stays in memory with it.
 */
export class WatchEvent {
  readonly #data: EventBatchData;
  readonly #row: number;

  /** @internal */
  constructor(data: EventBatchData, row: number) {
    this.#data = data;
    this.#row = row;
  }

  get type(): 'put' | 'delete' {
    return this.#data.type[this.#row] === EVENT_DELETE ? 'delete' : 'put';
  }

  get key(): Bytes {
    const { heap, keyStart, keyLength } = this.#data;
    return bytesAt(heap, keyStart[this.#row] ?? 0, keyLength[this.#row] ?? 0);
  }

  /** Empty for a delete. */
  get value(): Bytes {
    const { heap, valueStart, valueLength } = this.#data;
    return bytesAt(heap, valueStart[this.#row] ?? 0, valueLength[this.#row] ?? 0);
  }

  /** The revision that this event is part of. */
  get modRevision(): bigint {
    return BigInt(this.#data.modRevision[this.#row] ?? 0);
  }

  /** The revision that created the key; 0n for a delete. */
  get createRevision(): bigint {
    return BigInt(this.#data.createRevision[this.#row] ?? 0);
  }

  /** How often the key was put since it was created; 0n for a delete. */
  get version(): bigint {
    return BigInt(this.#data.version[this.#row] ?? 0);
  }

  /** The lease that the key is attached to; 0n for none. */
  get lease(): bigint {
    return this.#data.lease?.[this.#row] ?? 0n;
  }

  /** Whether this put made the key. */
  get isCreate(): boolean {
    return this.type === 'put' && this.#data.createRevision[this.#row] === this.#data.modRevision[this.#row];
  }

  /**
   * What the key held before, if the watch asked for it with `prevKv`. Undefined for a key that was not there, and where
   * the server has compacted it away.
   */
  get prevKv(): KeyValue | undefined {
    const { prev, heap } = this.#data;
    const start = prev?.valueStart[this.#row] ?? NO_PREV;
    if (prev === undefined || start === NO_PREV) return undefined;
    return plainValue({
      key: this.key,
      value: bytesAt(heap, start, prev.valueLength[this.#row] ?? 0),
      modRevision: BigInt(prev.modRevision[this.#row] ?? 0),
      createRevision: BigInt(prev.createRevision[this.#row] ?? 0),
      version: BigInt(prev.version[this.#row] ?? 0),
      lease: prev.lease[this.#row] ?? 0n,
    });
  }

  /** As `vigil watch --json` prints it: without value, version and lease for a delete. */
  toJSON(): Record<string, unknown> {
    const { type, key, modRevision, prevKv } = this;
    if (type === 'delete') return jsonForm({ type, key, modRevision, prevKv });
    const { value, createRevision, version, lease } = this;
    return jsonForm({ type, key, value, createRevision, modRevision, version, lease, prevKv });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  static {
    defineInspect<WatchEvent>(WatchEvent.prototype, function (options) {
      const { type, key, value, modRevision, createRevision, version, lease, prevKv } = this;
      const previous = prevKv === undefined ? {} : { prevKv };
      const fields = { type, key, value, modRevision, createRevision, version, lease, ...previous };
      return inspectFields('WatchEvent', fields, options);
    });
  }

  /** This event with bytes of its own, so that keeping it does not keep its batch. */
  copy(): WatchEvent {
    return new WatchEvent(copyRows(this.#data, [], Uint32Array.of(this.#row)), 0);
  }
}

function bytesAt(heap: Uint8Array, start: number, length: number): Bytes {
  return new Bytes(heap.buffer, heap.byteOffset + start, length);
}
