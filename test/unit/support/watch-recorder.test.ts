import { describe, expect, it } from 'vitest';
import type { RawEvent } from '../../support/raw-watch.js';
import { WatchRecorder } from '../../support/watch-recorder.js';
import { WatchTruth } from '../../support/watch-truth.js';

function put(key: string, modRevision: bigint, value = `${key}@${String(modRevision)}`): RawEvent {
  const bytes = { key: Buffer.from(key), value: Buffer.from(value) };
  return { type: 'put', ...bytes, modRevision, createRevision: modRevision, version: 1n, leaseId: 0n };
}

function remove(key: string, modRevision: bigint): RawEvent {
  return { ...put(key, modRevision, ''), type: 'delete', createRevision: 0n, version: 0n };
}

describe('checking what a watch delivered', () => {
  const history = [put('a/1', 5n), put('a/2', 5n), put('b/1', 6n), put('a/1', 7n), remove('a/2', 8n), put('a/1', 9n)];
  const truth = new WatchTruth(history);
  const expectation = { truth, range: { key: 'a/', rangeEnd: 'a0' }, startRevision: 5n };
  const wanted = history.filter(({ key }) => key[0] === 0x61);

  function problemsOf(parts: readonly (readonly RawEvent[])[]): string[] {
    const recorder = new WatchRecorder();
    for (const part of parts) recorder.add('w', part);
    return recorder.problems('w', expectation).map((text) => /watch w: (\w+)/.exec(text)?.[1] ?? text);
  }
  const without = (index: number): RawEvent[] => wanted.filter((_, at) => at !== index);

  it('accepts the truth in any split at revision borders', () => {
    expect(problemsOf([wanted])).toEqual([]);
    expect(problemsOf([wanted.slice(0, 2), wanted.slice(2, 3), wanted.slice(3)])).toEqual([]);
  });

  it('finds each event that is missing', () => {
    for (let index = 0; index < wanted.length; index += 1) expect(problemsOf([without(index)])).toEqual(['Reliable']);
    expect(problemsOf([])).toEqual(['Reliable']);
  });

  it('finds an event delivered twice, out of order, outside the range or before the start', () => {
    expect(problemsOf([wanted, wanted.slice(-1)])).toContain('Unique');
    expect(problemsOf([[...wanted.slice(2), ...wanted.slice(0, 2)]])).toContain('Ordered');
    expect(problemsOf([[put('b/1', 6n)]])).toContain('Filter');
    expect(problemsOf([[put('a/1', 4n)]])).toContain('Filter');
  });

  it('finds a revision that came in two deliveries', () => {
    expect(problemsOf([wanted.slice(0, 1), wanted.slice(1)])).toEqual(['Atomic']);
  });

  it('finds a wrong value, type or create revision', () => {
    const [first, ...rest] = wanted;
    if (first === undefined) throw new Error('no events');
    expect(problemsOf([[{ ...first, value: Buffer.from('else') }, ...rest]])).toEqual(['Reliable']);
    expect(problemsOf([[{ ...first, value: Buffer.alloc(0) }, ...rest]])).toEqual(['Reliable']);
    expect(problemsOf([[{ ...first, type: 'delete' }, ...rest]])).toEqual(['Reliable']);
    expect(problemsOf([[{ ...first, createRevision: 1n }, ...rest]])).toEqual(['Reliable']);
  });

  it('compares values of any length, empty ones too', () => {
    for (const length of [0, 1, 27, 28, 1_000]) {
      const event = { ...put('v', 5n), value: Buffer.alloc(length, 1) };
      const range = { truth: new WatchTruth([event]), range: { key: 'v' }, startRevision: 5n };
      const problemsWith = (value: Uint8Array): number => {
        const recorder = new WatchRecorder();
        recorder.add('w', [{ ...event, value }]);
        return recorder.problems('w', range).length;
      };
      expect(problemsWith(Buffer.alloc(length, 1))).toBe(0);
      expect(problemsWith(Buffer.alloc(length + 1, 1))).toBe(1);
      if (length > 0) expect(problemsWith(Buffer.alloc(length, 1).fill(2, length - 1))).toBe(1);
    }
  });

  it('finds an event at or below a progress notification, and progress that goes back', () => {
    const recorder = new WatchRecorder();
    recorder.add('w', wanted.slice(0, 2));
    recorder.addProgress('w', 7n);
    recorder.add('w', wanted.slice(2));
    expect(recorder.problems('w', expectation)[0]).toContain('Bookmarkable');
    const backwards = new WatchRecorder();
    backwards.addProgress(1n, 7n);
    backwards.addProgress(1n, 6n);
    expect(backwards.problems(1n, { ...expectation, through: 4n })[0]).toContain('Bookmarkable');
  });

  it('compares up to the revision asked for, and a single key by its own history', () => {
    const recorder = new WatchRecorder();
    recorder.add('w', wanted.slice(0, 3));
    recorder.verify('w', { ...expectation, through: 7n });
    recorder.add('one', [put('b/1', 6n)]);
    recorder.verify('one', { truth, range: { key: 'b/1' }, startRevision: 1n });
    expect(() => {
      recorder.verify('w', expectation);
    }).toThrow('should be delete "a/2" at 8');
  });
});
