/** What `hold` and `release` of a connection keep to, on any kind of socket whose peer counts up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { GrpcConnection } from '../../src/grpc/grpc-connection.js';
import type { RecordedStream } from '../support/recorded-stream.js';

const ROUNDS = 10;
const HOLD_MS = 25;

/** `canHold`: what is held back is really not read. In any case nothing may be lost or change places. */
export async function countsAcrossHolds(
  connection: GrpcConnection,
  recorded: RecordedStream,
  canHold: boolean,
): Promise<void> {
  // By then the handshakes have written what they had to.
  await recorded.received(5);
  for (let round = 0; round < ROUNDS; round += 1) {
    connection.hold();
    const before = recorded.messages.length;
    await sleep(HOLD_MS);
    if (canHold) expect(recorded.messages).toHaveLength(before);
    connection.release();
    await recorded.received(before + HOLD_MS / 5);
  }
  expect(recorded.texts).toEqual(recorded.texts.map((_, index) => String(index)));
}
