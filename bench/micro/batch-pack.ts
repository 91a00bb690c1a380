/** Decoding and sealing a batch, ready to be transferred; and encoding creations, which a shard does in thousands. */
import { ProtoWriter } from '../../src/wire/proto-writer.js';
import { BatchWriter } from '../../src/workers/batch/batch-writer.js';
import { WatchHead } from '../../src/workers/watch/watch-decoder.js';
import { writeCreate } from '../../src/workers/watch/watch-request.js';
import { watchSpec } from '../../test/support/watch-spec.js';
import type { MicroCase } from './case.js';
import { decodeInto, EVENT_COUNTS, sampleMessage } from './sample.js';

export function batchPackCases(): MicroCase[] {
  return [...EVENT_COUNTS.map((units) => packCase(units)), createCase(5000)];
}

function packCase(units: number): MicroCase {
  const message = sampleMessage(units);
  const writer = new BatchWriter();
  const head = new WatchHead();
  const run = (): void => {
    decodeInto(writer, head, message);
    writer.seal();
  };
  return { name: `decode and seal ${String(units)} events`, units, run };
}

function createCase(units: number): MicroCase {
  const spec = watchSpec({ key: 'bench/some/key/of/common/length', rangeEnd: 'bench/some/key/of/common/lengti' });
  const run = (): void => {
    const writer = new ProtoWriter(4096);
    for (let id = 1; id <= units; id += 1) writeCreate(writer, spec, id, 123_456_789, false);
    writer.take();
  };
  return { name: `encode ${String(units)} creations`, units, run };
}
