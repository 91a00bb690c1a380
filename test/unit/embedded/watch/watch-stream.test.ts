import { describe, expect, it } from 'vitest';
import { line, WatchRig } from './watch-rig.js';
import { allBytesOf, bytesOf, int64Of, readFields } from '../../../support/raw-protobuf.js';

describe('ids', () => {
  it('draws from 0 and steps over ids that the client chose', () => {
    const stream = new WatchRig().stream();
    for (const id of [0n, 5n, 0n, 2n, 0n, 0n, 0n, -1n]) stream.create({ id });
    expect(stream.answers().map(({ watchId }) => watchId)).toEqual([0n, 5n, 1n, 2n, 3n, 4n, 6n, -1n]);
  });

  it('refuses an id that is in use, under id -1', () => {
    const stream = new WatchRig().stream();
    stream.create({ id: 5n });
    stream.create({ id: 5n });
    expect(stream.lines()).toEqual([
      '5 @1 created',
      '-1 @1 created canceled "mvcc: duplicate watch ID provided on the WatchStream"',
    ]);
  });

  it('gives an id free when its watch is cancelled', () => {
    const stream = new WatchRig().stream();
    stream.create({ id: 5n });
    stream.stream.cancel(5n);
    stream.create({ id: 5n });
    expect(stream.lines()).toEqual(['5 @1 created', '5 @1 canceled', '5 @1 created']);
  });

  it('is silent about a cancelled watch that is not there', () => {
    const stream = new WatchRig().stream();
    stream.stream.cancel(3n);
    expect(stream.lines()).toEqual([]);
  });
});

describe('ranges', () => {
  it('refuses an empty one', () => {
    const stream = new WatchRig().stream();
    stream.create({ key: 'b', end: 'a' });
    stream.create({ key: 'b', end: 'b' });
    const refused = '-1 @1 created canceled "mvcc: watcher range is empty"';
    expect(stream.lines()).toEqual([refused, refused]);
  });

  it('tells a watch of a key, of a range and of everything from a key on what is theirs', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({ id: 1n, key: 'b' });
    stream.create({ id: 2n, key: 'a', end: 'c' });
    stream.create({ id: 3n, key: 'b', end: '\0' });
    stream.answers();
    for (const key of ['a', 'b', 'c']) rig.put(key);
    const told = stream.answers().map(line);
    expect(told.sort()).toEqual(['1 @3 put b@3', '2 @3 put a@2 put b@3', '3 @4 put b@3 put c@4']);
  });
});

describe('events', () => {
  it('come after the answer that the watch was created, also when it happened in the same turn', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    rig.put('k');
    stream.create({});
    rig.put('k');
    expect(stream.lines()).toEqual(['0 @2 created', '0 @3 put k@3']);
  });

  it('of one turn come in one answer for each watch, and of a transaction always together', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({ key: 'a', end: 'z' });
    stream.answers();
    rig.put('b');
    rig.store.write((writer) => {
      writer.put(Buffer.from('d'), Buffer.from('1'), 0n);
      writer.put(Buffer.from('c'), Buffer.from('2'), 0n);
      writer.delete({ kind: 'key', key: 'b' });
    });
    expect(stream.lines()).toEqual(['0 @3 put b@2 put d@3 put c@3 delete b@3']);
  });

  it('before a cancellation are delivered, later ones are not', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({});
    rig.put('k');
    stream.stream.cancel(0n);
    rig.put('k');
    expect(stream.lines()).toEqual(['0 @1 created', '0 @2 put k@2', '0 @2 canceled']);
  });

  it('are filtered by kind, and a watch that filters all gets nothing', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({ id: 1n, noPut: true });
    stream.create({ id: 2n, noDelete: true });
    stream.create({ id: 3n, noPut: true, noDelete: true });
    stream.answers();
    rig.put('k');
    rig.delete('k');
    expect(stream.lines().sort()).toEqual(['1 @3 delete k@3', '2 @2 put k@2']);
  });

  it('carry the value before them where it was asked for, is there and is not compacted', () => {
    const rig = new WatchRig();
    rig.put('k', 'one');
    rig.put('k', 'two');
    rig.put('k', 'three');
    rig.delete('k');
    rig.put('k', 'four');
    rig.store.compact(3);
    const stream = rig.stream();
    stream.create({ start: 3, prevKv: true });
    stream.answers();
    const [, message] = stream.raw;
    const previous = allBytesOf(readFields(message ?? Buffer.alloc(0)), 11).map((event) => {
      const before = bytesOf(readFields(event), 3);
      return before.length === 0 ? undefined : Buffer.from(bytesOf(readFields(before), 5)).toString();
    });
    expect(previous).toEqual([undefined, 'two', 'three', undefined]);
  });

  it('carry all fields of the key, and the header names cluster, member and term', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({});
    rig.put('k', 'a', 77n);
    rig.put('k', 'b', -3n);
    const [answer] = stream.answers().slice(-1);
    expect(answer?.events).toMatchObject([
      { createRevision: 2n, modRevision: 2n, version: 1n, leaseId: 77n },
      { createRevision: 2n, modRevision: 3n, version: 2n, leaseId: -3n },
    ]);
    const header = readFields(bytesOf(readFields(stream.raw.at(-1) ?? Buffer.alloc(0)), 1));
    expect([1, 2, 3, 4].map((field) => BigInt.asUintN(64, int64Of(header, field)))).toEqual([
      2n ** 63n + 5n,
      7n,
      3n,
      2n,
    ]);
  });
});

describe('a start in the past', () => {
  it('is caught up in answers of at most 1,000 revisions, with the current revision in the header', () => {
    const rig = new WatchRig();
    for (let n = 0; n < 2_500; n += 1) rig.put('k');
    const stream = rig.stream();
    stream.create({ start: 2 });
    const [, ...caughtUp] = stream.answers();
    expect(caughtUp.map(({ events }) => events.length)).toEqual([1000, 1000, 500]);
    expect(caughtUp.map(({ headerRevision }) => headerRevision)).toEqual([2501n, 2501n, 2501n]);
    expect(caughtUp.flatMap(({ events }) => events.map(({ modRevision }) => Number(modRevision)))).toEqual(
      Array.from({ length: 2_500 }, (_, n) => n + 2),
    );
  });

  it('goes on without a gap into what happens meanwhile', () => {
    const rig = new WatchRig();
    for (let n = 0; n < 20_000; n += 1) rig.put(n % 10 === 0 ? 'k' : 'other');
    const stream = rig.stream();
    stream.create({ start: 1 });
    for (let turn = 0; turn < 10; turn += 1) {
      rig.put('k');
      rig.turn();
    }
    const seen = stream.answers().flatMap(({ events }) => events.map(({ modRevision }) => modRevision));
    expect(seen).toHaveLength(2_010);
    expect(seen).toEqual([...seen].sort((a, b) => Number(a - b)));
    expect(new Set(seen).size).toBe(2_010);
  });

  it('that is compacted is answered with the compacted revision, without a revision in the header', () => {
    const rig = new WatchRig();
    for (let n = 0; n < 5; n += 1) rig.put('k');
    rig.store.compact(4);
    const stream = rig.stream();
    stream.create({ start: 3 });
    stream.create({ start: 4 });
    expect(stream.lines()).toEqual([
      '0 @6 created',
      '1 @6 created',
      '0 @0 canceled compacted 4',
      '1 @6 put k@4 put k@5 put k@6',
    ]);
    // Its id stays taken until the client cancels it, which is answered once more.
    stream.create({ id: 0n });
    stream.stream.cancel(0n);
    expect(stream.lines()).toEqual(['2 @6 created', '0 @6 canceled']);
  });

  it('below -1 counts as compacted even before the first compaction; -1 means from now on', () => {
    const rig = new WatchRig();
    rig.put('k');
    const stream = rig.stream();
    stream.create({ start: -1 });
    stream.create({ start: -5 });
    expect(stream.lines()).toEqual(['0 @2 created', '1 @2 created', '1 @0 canceled compacted -1']);
    rig.put('k');
    expect(stream.lines()).toEqual(['0 @3 put k@3']);
  });
});

describe('a start in the future', () => {
  it('leaves out everything before it', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({ start: 4 });
    for (let n = 0; n < 4; n += 1) rig.put('k');
    expect(stream.lines()).toEqual(['0 @1 created', '0 @5 put k@4 put k@5']);
  });
});

describe('fragments', () => {
  it('are as large as they can be below the limit, never less than one event', () => {
    const rig = new WatchRig({ fragmentBytes: 1000 });
    const stream = rig.stream();
    stream.create({ id: 1n, key: 'a', end: 'z', fragment: true });
    stream.create({ id: 2n, key: 'a', end: 'z' });
    stream.answers();
    rig.store.write((writer) => {
      for (const [key, bytes] of Object.entries({ b: 320, c: 320, d: 320, e: 1500, f: 10, g: 10 }))
        writer.put(Buffer.from(key), Buffer.alloc(bytes), 0n);
    });
    const answers = stream.answers();
    expect(answers.filter(({ watchId }) => watchId === 1n).map(line)).toEqual([
      '1 @2 fragment put b@2 put c@2',
      '1 @2 fragment put d@2',
      '1 @2 fragment put e@2',
      '1 @2 put f@2 put g@2',
    ]);
    expect(answers.filter(({ watchId }) => watchId === 2n)).toHaveLength(1);
  });
});

describe('closing', () => {
  it('of the server is the end of all events', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({ progress: true });
    stream.create({ start: 1 });
    rig.put('k');
    rig.server.close();
    rig.clock.advance(2_000_000);
    expect(stream.lines()).toEqual(['0 @1 created', '1 @1 created']);
  });

  it('of a stream ends its watches only', () => {
    const rig = new WatchRig();
    const [gone, stays] = [rig.stream(), rig.stream()];
    for (const stream of [gone, stays]) stream.create({ start: 1 });
    gone.close();
    rig.put('k');
    expect(gone.lines()).toEqual(['0 @1 created']);
    expect(stays.lines()).toEqual(['0 @1 created', '0 @2 put k@2']);
  });
});
