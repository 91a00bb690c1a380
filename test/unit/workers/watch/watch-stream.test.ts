import { globalTimers } from '../../../support/global-timers.js';
import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import type { GrpcConnection, StreamHandlers } from '../../../../src/grpc/grpc-connection.js';
import { WatchEntry } from '../../../../src/workers/watch/watch-entry.js';
import { WatchStream } from '../../../../src/workers/watch/watch-stream.js';
import { encodeWatchAnswer, type WatchAnswer } from '../../../support/fake-watch-store.js';
import { int64Of, readFields } from '../../../support/raw-protobuf.js';
import { watchSpec } from '../../../support/watch-spec.js';

/** A watch stream whose server is the test itself. */
class Rig {
  readonly told: string[] = [];
  readonly writes: string[][] = [];
  isCanceled = false;
  isPaused = false;
  readonly stream: WatchStream;
  #handlers: StreamHandlers | undefined;
  #lastId = 0;
  readonly #names = new Map<WatchEntry, string>();

  constructor(serial = false) {
    const connection = {
      endpoint: { kind: 'tcp', tls: false, host: 'fake', port: 1, text: 'fake:1' },
      openStream: (_path: string, handlers: StreamHandlers) => {
        this.#handlers = handlers;
        return {
          write: (framed: Uint8Array) => void this.writes.push(requestsOf(framed)),
          pause: () => void (this.isPaused = true),
          resume: () => void (this.isPaused = false),
          cancel: () => void (this.isCanceled = true),
        };
      },
    } as unknown as GrpcConnection; // only what a watch stream uses
    const name = (entry: WatchEntry): string => this.#names.get(entry) ?? '?';
    this.stream = new WatchStream({
      openedAt: 0,
      connection,
      storeRestarts: 0,
      trustsProgress: true,
      tellsEveryCompaction: true,
      metadata: {},
      confusesTokenRefusals: false,
      serial,
      fragments: false,
      drawId: () => ++this.#lastId,
      timers: globalTimers,
      hooks: {
        created: (_stream, entry, id) => void this.told.push(`created ${name(entry)} as ${id}`),
        refused: (_stream, entry, error) => void this.told.push(`refused ${name(entry)}: ${error.code}`),
        answered: (_stream, entry, head) => void this.told.push(`answered ${name(entry)} at ${head.revision}`),
        malformed: (_stream, entry) => void this.told.push(`malformed ${name(entry)}`),
        canceled: (_stream, entry, error) => void this.told.push(`canceled ${name(entry)}: ${error.code}`),
        streamProgress: (_stream, head, request) => void this.told.push(`progress ${head.revision} of ${request}`),
      },
      owner: {
        idsIgnored: () => void this.told.push('ids ignored'),
        ended: (_stream, error) => void this.told.push(`ended: ${error?.code ?? 'OK'}`),
      },
    });
  }

  create(name: string, startRevision = 0): number {
    const entry = new WatchEntry(watchSpec({ key: name, startRevision }));
    this.#names.set(entry, name);
    return this.stream.create(entry, startRevision);
  }

  /** An answer of the server. */
  answer(answer: Omit<WatchAnswer, 'revision'> & { readonly revision?: number }): void {
    const message = encodeWatchAnswer({ revision: 10, ...answer });
    this.#handlers?.onMessage(message, 0, message.length);
  }

  end(error?: EtcdError): void {
    this.#handlers?.onEnd(error);
  }

  /** What was sent since the last call, once the turn is over: one list a write. */
  async sent(): Promise<string[][]> {
    await Promise.resolve();
    await Promise.resolve();
    return this.writes.splice(0);
  }
}

function requestsOf(framed: Uint8Array): string[] {
  const view = new DataView(framed.buffer, framed.byteOffset, framed.byteLength);
  const requests: string[] = [];
  for (let at = 0; at < framed.length;) {
    const length = view.getUint32(at + 1);
    const [field] = readFields(framed.subarray(at + 5, at + 5 + length));
    const fields = readFields(field?.bytes ?? new Uint8Array(0));
    if (field?.number === 1) requests.push(`create ${String(int64Of(fields, 7))} from ${String(int64Of(fields, 3))}`);
    else requests.push(field?.number === 2 ? `cancel ${String(int64Of(fields, 1))}` : 'progress');
    at += 5 + length;
  }
  return requests;
}

describe('creations on a watch stream', () => {
  it('go out in one write a turn, with ids of ours, and are told as they are answered', async () => {
    const rig = new Rig();
    rig.create('a');
    rig.create('b', 7);
    expect(await rig.sent()).toEqual([['create 1 from 0', 'create 2 from 7']]);
    rig.answer({ id: 1, created: true });
    rig.answer({ id: 2, created: true });
    expect(rig.told).toEqual(['created a as 1', 'created b as 2']);
  });

  it('wait in a window, which is filled again by the half', async () => {
    const rig = new Rig();
    for (let count = 0; count < 4000; count += 1) rig.create('k');
    expect((await rig.sent()).map((write) => write.length)).toEqual([1024]);
    let answered = 0;
    const sizes: number[] = [];
    while (answered < 4000) {
      rig.answer({ id: ++answered, created: true });
      for (const write of await rig.sent()) sizes.push(write.length);
    }
    expect(sizes.reduce((sum, size) => sum + size, 1024)).toBe(4000);
    expect(sizes.length).toBeLessThan(10);
    expect(rig.told).toHaveLength(4000);
  });

  it('that are refused with id -1 are matched by their order', async () => {
    const rig = new Rig();
    for (const name of ['a', 'b', 'c']) rig.create(name);
    await rig.sent();
    rig.answer({ id: 1, created: true });
    rig.answer({ id: -1, created: true, canceled: true, cancelReason: 'etcdserver: permission denied' });
    rig.answer({ id: 3, created: true });
    expect(rig.told).toEqual(['created a as 1', 'refused b: permission-denied', 'created c as 3']);
    expect(rig.stream.size).toBe(2);
  });

  it('that are refused under their own id, as etcd 3.4 does, are refused too', async () => {
    const rig = new Rig();
    rig.create('a');
    await rig.sent();
    rig.answer({ id: 1, created: true, canceled: true, cancelReason: 'etcdserver: permission denied' });
    expect(rig.told).toEqual(['refused a: permission-denied']);
  });

  it('answered under another id end the stream: the server ignores ours', async () => {
    const rig = new Rig();
    rig.create('a');
    await rig.sent();
    rig.answer({ id: 0, created: true });
    expect(rig.told).toEqual(['ids ignored']);
    expect(rig.isCanceled).toBe(true);
  });

  it('that nobody asked for are ignored', () => {
    const rig = new Rig();
    rig.answer({ id: 9, created: true });
    expect(rig.told).toEqual([]);
  });
});

describe('cancelling a watch', () => {
  it('before its creation was sent sends nothing at all', async () => {
    const rig = new Rig();
    const id = rig.create('a');
    rig.create('b');
    rig.stream.cancelWatch(id);
    expect(await rig.sent()).toEqual([['create 2 from 0']]);
    rig.answer({ id: 2, created: true });
    expect(rig.told).toEqual(['created b as 2']);
  });

  it('between creation and answer waits for the answer, which is not told', async () => {
    const rig = new Rig();
    const [a, b] = [rig.create('a'), rig.create('b')];
    await rig.sent();
    rig.stream.cancelWatch(b);
    rig.stream.cancelWatch(a);
    expect(await rig.sent()).toEqual([]);
    rig.answer({ id: 1, created: true });
    rig.answer({ id: -1, created: true, canceled: true });
    expect(await rig.sent()).toEqual([['cancel 1']]);
    expect(rig.told).toEqual([]);
  });

  it('after the answer is sent at once, and what still comes for it is dropped', async () => {
    const rig = new Rig();
    const a = rig.create('a');
    await rig.sent();
    rig.answer({ id: 1, created: true });
    rig.create('b');
    rig.stream.cancelWatch(a);
    rig.stream.cancelWatch(a);
    expect((await rig.sent()).flat().sort()).toEqual(['cancel 1', 'create 2 from 0']);
    rig.answer({ id: 1, revision: 99 });
    rig.answer({ id: 1, canceled: true });
    expect(rig.told).toEqual(['created a as 1']);
  });

  it('is right for every one of many, wherever they stand', async () => {
    const rig = new Rig();
    const ids = Array.from({ length: 3000 }, () => rig.create('k'));
    await rig.sent();
    for (let id = 1; id <= 600; id += 1) rig.answer({ id, created: true });
    await rig.sent();
    const unwanted = ids.filter((id) => id % 3 === 0);
    for (const id of unwanted) rig.stream.cancelWatch(id);
    const canceled: string[] = [];
    for (let next = 601; next <= 3000;) {
      for (const request of (await rig.sent()).flat()) if (request.startsWith('cancel')) canceled.push(request);
      const isSent = next <= 1624 || next % 3 !== 0;
      if (isSent) rig.answer({ id: next, created: true });
      next += 1;
    }
    for (const request of (await rig.sent()).flat()) if (request.startsWith('cancel')) canceled.push(request);
    expect(canceled).toEqual(unwanted.filter((id) => id <= 1624).map((id) => `cancel ${id}`));
    expect(rig.told.filter((text) => text.startsWith('created'))).toHaveLength(200 * 3 + (2400 * 2) / 3);
    expect(rig.stream.size).toBe(2000);
  });
});

describe('answers on a watch stream', () => {
  it('go to their watch; unknown ids are ignored', async () => {
    const rig = new Rig();
    rig.create('a');
    await rig.sent();
    rig.answer({ id: 1, created: true });
    rig.answer({ id: 1, revision: 20 });
    rig.answer({ id: 77, revision: 21 });
    rig.answer({ id: -1, canceled: true });
    rig.answer({ id: 1, revision: 0, canceled: true, compactRevision: 15 });
    expect(rig.told.slice(1)).toEqual(['answered a at 20', 'canceled a: compacted']);
    expect(rig.stream.size).toBe(0);
  });

  it('to progress requests tell which request they can be the answer to; many in one turn are one request', async () => {
    const rig = new Rig();
    rig.stream.requestProgress();
    rig.stream.requestProgress();
    expect(await rig.sent()).toEqual([['progress']]);
    rig.stream.requestProgress();
    expect(await rig.sent()).toEqual([['progress']]);
    for (const revision of [5, 6, 7]) rig.answer({ id: -1, revision });
    expect(rig.told).toEqual(['progress 5 of 1', 'progress 6 of 2', 'progress 7 of 2']);
    expect(rig.stream.progressRequests).toBe(2);
  });

  it('that are not protobuf are thrown back to the transport', () => {
    const rig = new Rig();
    expect(() => rig.answer({ id: 1, events: [Uint8Array.of(0xff)] })).not.toThrow();
    expect(rig.told).toEqual([]);
  });

  it('the end is told with its reason', () => {
    const rig = new Rig();
    rig.end(new EtcdError('gone', { code: 'unavailable' }));
    expect(rig.told).toEqual(['ended: unavailable']);
  });
});

describe('a paused watch stream', () => {
  it('sends nothing until it is resumed, and then everything at once', async () => {
    const rig = new Rig();
    const a = rig.create('a');
    await rig.sent();
    rig.answer({ id: 1, created: true });
    rig.stream.pause();
    expect(rig.isPaused).toBe(true);
    rig.stream.cancelWatch(a);
    rig.create('b');
    rig.stream.requestProgress();
    expect(await rig.sent()).toEqual([]);
    rig.stream.resume();
    expect(rig.isPaused).toBe(false);
    expect(await rig.sent()).toEqual([['cancel 1', 'create 2 from 0', 'progress']]);
  });

  it('that was reset stays silent', async () => {
    const rig = new Rig();
    rig.create('a');
    rig.stream.reset();
    rig.stream.requestProgress();
    expect(await rig.sent()).toEqual([]);
    expect(rig.isCanceled).toBe(true);
  });
});

describe('a serial watch stream', () => {
  it('creates one at a time and takes the ids that the server gives', async () => {
    const rig = new Rig(true);
    const a = rig.create('a');
    rig.create('b');
    expect(await rig.sent()).toEqual([['create 0 from 0']]);
    rig.answer({ id: 0, created: true });
    expect(await rig.sent()).toEqual([['create 0 from 0']]);
    rig.stream.cancelWatch(a);
    rig.answer({ id: 1, created: true });
    rig.answer({ id: 0, revision: 20 });
    rig.answer({ id: 1, revision: 21 });
    expect(rig.told).toEqual(['created a as 0', 'created b as 1', 'answered a at 20', 'answered b at 21']);
    rig.stream.cancelWatch(1);
    expect(await rig.sent()).toEqual([['cancel 1']]);
  });

  it('cancels after the answer what was cancelled before it', async () => {
    const rig = new Rig(true);
    const a = rig.create('a');
    rig.create('b');
    await rig.sent();
    const c = rig.create('c');
    rig.stream.cancelWatch(a);
    rig.stream.cancelWatch(c);
    expect(await rig.sent()).toEqual([]);
    rig.answer({ id: 0, created: true });
    expect((await rig.sent()).flat().sort()).toEqual(['cancel 0', 'create 0 from 0']);
    rig.answer({ id: 1, created: true });
    expect(await rig.sent()).toEqual([]);
  });
});
