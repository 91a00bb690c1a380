/** WatchResponse to columns: both passes of the decoder, and the copy of its bytes into the heap. */
import { BatchWriter } from '../../src/workers/batch/batch-writer.js';
import { WatchHead } from '../../src/workers/watch/watch-decoder.js';
import type { MicroCase } from './case.js';
import { decodeInto, EVENT_COUNTS, sampleMessage } from './sample.js';

export function decoderCases(): MicroCase[] {
  return [false, true].flatMap((withPrev) =>
    EVENT_COUNTS.map((units) => {
      const message = sampleMessage(units, withPrev);
      const writer = new BatchWriter();
      const head = new WatchHead();
      const start = writer.mark();
      const name = `decode ${String(units)} events${withPrev ? ' with prevKv' : ''}`;
      const run = (): void => {
        writer.rollback(start);
        decodeInto(writer, head, message);
      };
      return { name, units, run };
    }),
  );
}
