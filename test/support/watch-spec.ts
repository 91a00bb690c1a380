/** A watch as main would ask a shard for it, with everything not told left at its default. Pure. */
import type { WatchSpec } from '../../src/wire/contract.js';

export interface WatchSpecInput extends Omit<Partial<WatchSpec>, 'key' | 'rangeEnd'> {
  readonly key?: string | Uint8Array;
  readonly rangeEnd?: string | Uint8Array | undefined;
}

export function watchSpec(input: WatchSpecInput = {}): WatchSpec {
  return {
    watch: 1,
    startRevision: 0,
    resumed: false,
    prevKv: false,
    noPut: false,
    noDelete: false,
    progressNotify: false,
    fragment: undefined,
    ...input,
    key: bytesOf(input.key ?? 'k'),
    rangeEnd: input.rangeEnd === undefined ? undefined : bytesOf(input.rangeEnd),
  };
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}
