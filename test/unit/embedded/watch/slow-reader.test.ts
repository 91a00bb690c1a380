import { describe, expect, it } from 'vitest';
import { WatchRig } from './watch-rig.js';

const VALUE = 'x'.repeat(10_000);

function revisions(answers: readonly { readonly events: readonly { readonly modRevision: bigint }[] }[]): number[] {
  return answers.flatMap(({ events }) => events.map(({ modRevision }) => Number(modRevision)));
}

/** A stream with one watch that has not read 300 writes, so that the watch is served from the history. */
function behind() {
  const rig = new WatchRig();
  const stream = rig.stream();
  stream.create({});
  stream.reading = false;
  for (let n = 0; n < 300; n += 1) {
    rig.put('k', VALUE);
    rig.turn();
  }
  stream.answers();
  return { rig, stream };
}

describe('a reader that is slow', () => {
  it('has a bounded amount waiting for it, and gets all from the history when it reads again', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    for (let id = 1n; id <= 5n; id += 1n) stream.create({ id, key: 'a', end: 'z' });
    stream.answers();
    stream.reading = false;
    for (let n = 0; n < 1_000; n += 1) {
      rig.put('k', VALUE);
      rig.turn();
    }
    rig.settle();
    // 50 MB happened: a MiB waits, and what one turn wrote beyond it.
    expect(stream.unreadBytes).toBeLessThan(1024 * 1024 + 100_000);
    let most = 0;
    const answers = stream.taken();
    for (let reads = 0; reads < 500; reads += 1) {
      stream.read();
      stream.reading = false;
      rig.settle();
      most = Math.max(most, stream.unreadBytes);
      const got = stream.taken();
      if (got.length === 0) break;
      answers.push(...got);
    }
    expect(most).toBeLessThan(5 * 1024 * 1024);
    for (let id = 1n; id <= 5n; id += 1n) {
      const own = answers.filter(({ watchId }) => watchId === id);
      expect(revisions(own)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 2));
    }
  });

  it('holds up nobody else', () => {
    const rig = new WatchRig();
    const [slow, quick] = [rig.stream(), rig.stream()];
    slow.create({});
    quick.create({});
    slow.answers();
    quick.taken();
    slow.reading = false;
    for (let n = 0; n < 300; n += 1) {
      rig.put('k', VALUE);
      rig.turn();
    }
    expect(revisions(quick.answers())).toHaveLength(300);
    expect(revisions(slow.answers()).length).toBeLessThan(120);
  });

  it('is told so when its place in the history is compacted meanwhile', () => {
    const { rig, stream } = behind();
    rig.store.compact(290);
    stream.read();
    expect(stream.lines()).toEqual(['0 @0 canceled compacted 290']);
  });

  it('can cancel a watch that is behind', () => {
    const { rig, stream } = behind();
    stream.stream.cancel(0n);
    stream.read();
    rig.put('k');
    expect(stream.lines()).toEqual(['0 @301 canceled']);
  });

  it('that asks without reading the answers has to wait with its requests until it reads', () => {
    const rig = new WatchRig();
    const stream = rig.stream();
    stream.reading = false;
    let asked = 0;
    for (; !stream.paused && asked < 1_000_000; asked += 1) stream.create({ key: 'b', end: 'a' });
    expect(stream.unreadBytes).toBeLessThan(9 * 1024 * 1024);
    stream.read();
    expect(stream.paused).toBe(false);
    expect(stream.taken()).toHaveLength(asked);
  });
});
