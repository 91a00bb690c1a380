import { describe, expect, it } from 'vitest';
import { KvStore } from '../../../../src/embedded/store/kv-store.js';
import { keyOf, type StoredValue } from '../../../../src/embedded/store/stored-value.js';

const ALL = { kind: 'range', from: '' } as const;

function put(store: KvStore, key: string, value = '', lease = 0n): void {
  store.write((writer) => writer.put(keyOf(key), keyOf(value), lease));
}

function remove(store: KvStore, key: string): void {
  store.write((writer) => writer.delete({ kind: 'key', key }));
}

function show(values: readonly StoredValue[]): string[] {
  return values.map(
    ({ keyText, value, createRevision, modRevision, version }) =>
      `${keyText}=${Buffer.from(value).toString()} ${createRevision}/${modRevision}/${version}`,
  );
}

describe('KvStore', () => {
  it('begins at revision 1 and gives one revision to all changes of a write', () => {
    const store = new KvStore();
    expect(store.revision).toBe(1);
    store.write((writer) => {
      expect(writer.currentRevision).toBe(1);
      writer.put(keyOf('b'), keyOf('1'), 0n);
      expect(writer.currentRevision).toBe(2);
      writer.put(keyOf('a'), keyOf('2'), 0n);
    });
    expect(store.revision).toBe(2);
    expect(show(store.read(ALL).values)).toEqual(['a=2 2/2/1', 'b=1 2/2/1']);
    expect(store.changesAt(2).map((change) => change.keyText)).toEqual(['b', 'a']);
  });

  it('makes no revision of a write that changes nothing', () => {
    const store = new KvStore();
    expect(store.write((writer) => writer.delete(ALL))).toEqual([]);
    expect(store.revision).toBe(1);
  });

  it('reads every revision as it was, and begins a new life after a deletion', () => {
    const store = new KvStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    remove(store, 'a');
    put(store, 'a', '3');
    expect([2, 3, 4, 5].map((revision) => show(store.read(ALL, { revision }).values))).toEqual([
      ['a=1 2/2/1'],
      ['a=2 2/3/2'],
      [],
      ['a=3 5/5/1'],
    ]);
    expect(() => store.read(ALL, { revision: 6 })).toThrow('required revision is a future revision');
  });

  it('keeps after a compaction exactly what can still be read', () => {
    const store = new KvStore();
    put(store, 'a', '1'); // 2
    put(store, 'b', '1'); // 3
    put(store, 'a', '2'); // 4
    remove(store, 'b'); // 5
    put(store, 'c', '1'); // 6
    store.compact(5);
    expect(() => store.read(ALL, { revision: 4 })).toThrow('required revision has been compacted');
    expect(show(store.read(ALL, { revision: 5 }).values)).toEqual(['a=2 2/4/2']);
    const kept: StoredValue[] = [];
    store.visitVersions((version) => kept.push(version));
    expect(show(kept)).toEqual(['a=2 2/4/2', 'c=1 6/6/1']);
    expect(store.indexSize).toBe(2);
    expect(() => {
      store.compact(5);
    }).toThrow('required revision has been compacted');
    expect(() => {
      store.compact(7);
    }).toThrow('required revision is a future revision');
  });

  it('keeps at the compacted revision the puts that still stand, and no deletion', () => {
    const store = new KvStore();
    put(store, 'a'); // 2
    store.write((writer) => {
      writer.put(keyOf('b'), keyOf(''), 0n);
      writer.delete({ kind: 'key', key: 'a' });
    }); // 3
    put(store, 'b'); // 4
    store.compact(3);
    expect(store.changesAt(2)).toEqual([]);
    expect(store.changesAt(3).map((change) => change.keyText)).toEqual(['b']);
    expect(store.changesAt(4).map((change) => change.keyText)).toEqual(['b']);
  });

  it('tells the lease book of each key that gets, changes or loses a lease', () => {
    const store = new KvStore();
    const told: string[] = [];
    store.useLeases({
      attach: (id, key) => told.push(`+${String(id)}${key}`),
      detach: (id, key) => told.push(`-${String(id)}${key}`),
    });
    put(store, 'a', '', 1n);
    put(store, 'a', '', 2n);
    put(store, 'b', '', 2n);
    put(store, 'b');
    remove(store, 'a');
    expect(told).toEqual(['+1a', '-1a', '+2a', '+2b', '-2b', '-2a']);
  });

  it('counts all keys of a span, whatever the limit', () => {
    const store = new KvStore();
    for (const key of ['a', 'b', 'c', 'd']) put(store, key);
    const { values, count } = store.read({ kind: 'range', from: 'b' }, { limit: 2 });
    expect([values.map((value) => value.keyText), count]).toEqual([['b', 'c'], 3]);
    expect(store.read(ALL, { countOnly: true })).toMatchObject({ values: [], count: 4 });
  });

  it('goes back to an older state and on from there', () => {
    const store = new KvStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    put(store, 'b', '1');
    store.rollBack(2);
    expect(show(store.read(ALL).values)).toEqual(['a=1 2/2/1']);
    put(store, 'a', '3');
    expect(show(store.read(ALL).values)).toEqual(['a=3 2/3/2']);
    expect(show(store.changesAt(3))).toEqual(['a=3 2/3/2']);
  });

  it('agrees with a plain model over random writes and compactions', () => {
    const store = new KvStore();
    const states = new Map<number, Map<string, string>>([[1, new Map()]]);
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    for (let step = 0; step < 3_000; step += 1) {
      const state = new Map(states.get(store.revision));
      const key = `k${String(random(40)).padStart(2, '0')}`;
      if (random(3) === 0) {
        const to = `k${String(random(40)).padStart(2, '0')}`;
        for (const name of [...state.keys()]) if (name >= key && name < to) state.delete(name);
        store.write((writer) => writer.delete({ kind: 'range', from: key, to }));
      } else {
        state.set(key, String(step));
        put(store, key, String(step));
      }
      states.set(store.revision, state);
      if (random(100) === 0 && store.revision > store.compactRevision + 1)
        store.compact(store.compactRevision + 1 + random(store.revision - store.compactRevision));
      const revision = Math.max(1, store.compactRevision, store.revision - random(50));
      const expected = [...(states.get(revision) ?? [])].sort(([left], [right]) => (left < right ? -1 : 1));
      const read = store.read(ALL, { revision });
      expect(read.values.map((value) => [value.keyText, Buffer.from(value.value).toString()])).toEqual(expected);
    }
  });
});
