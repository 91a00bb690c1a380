import { describe, expect, it } from 'vitest';
import { WatchRig } from './watch-rig.js';

describe('requested progress', () => {
  it('is answered once, under id -1 and after all events up to its revision', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.create({});
    stream.create({ start: 100 });
    stream.answers();
    rig.put('k');
    stream.stream.requestProgress();
    expect(stream.lines()).toEqual(['0 @2 put k@2', '-1 @2']);
  });

  it('is ignored without a watch, while one is behind, and while one is compacted but not cancelled', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.stream.requestProgress();
    expect(stream.lines()).toEqual([]);
    for (let n = 0; n < 4; n += 1) rig.put('k');
    rig.store.compact(3);
    stream.create({ start: 4 });
    stream.stream.requestProgress();
    expect(stream.lines()).toEqual(['0 @5 created', '0 @5 put k@4 put k@5']);
    stream.create({ start: 2 });
    stream.answers();
    stream.stream.requestProgress();
    expect(stream.lines()).toEqual([]);
    stream.stream.cancel(1n);
    stream.stream.requestProgress();
    expect(stream.lines()).toEqual(['1 @5 canceled', '-1 @5']);
  });
});

describe('periodic progress', () => {
  it('goes to the watches that asked for it, and steps over one that got events since the last tick', () => {
    const rig = new WatchRig({ progressIntervalMs: 1000 });
    const stream = rig.stream();
    stream.create({ key: 'a', progress: true });
    stream.create({ key: 'b', progress: true });
    stream.create({ key: 'a' });
    rig.put('a');
    stream.answers();
    rig.clock.advance(999);
    expect(stream.lines()).toEqual([]);
    rig.clock.advance(1);
    expect(stream.lines()).toEqual(['1 @2']);
    rig.clock.advance(1000);
    expect(stream.lines()).toEqual(['0 @2', '1 @2']);
  });

  it('ticks by the opening of the stream, at least 100 ms apart, and ends with the stream', () => {
    const rig = new WatchRig({ progressIntervalMs: 1 });
    const stream = rig.stream();
    rig.clock.advance(350);
    stream.create({ progress: true });
    stream.answers();
    rig.clock.advance(49);
    expect(stream.lines()).toEqual([]);
    rig.clock.advance(1);
    expect(stream.lines()).toEqual(['0 @1']);
    stream.close();
    rig.clock.advance(1000);
    expect(stream.lines()).toEqual([]);
  });

  it('is not told of a watch that is behind', () => {
    const rig = new WatchRig({ progressIntervalMs: 1000 });
    const stream = rig.stream();
    rig.put('k');
    stream.create({ start: 1, progress: true });
    stream.taken();
    rig.clock.advance(1000);
    expect(stream.taken()).toEqual([]);
  });
});
