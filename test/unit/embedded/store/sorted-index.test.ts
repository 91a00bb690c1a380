import { expect, it } from 'vitest';
import { SortedIndex } from '../../../../src/embedded/store/sorted-index.js';

it('holds what was added and not deleted, in the order of the keys, over many chunks', () => {
  const index = new SortedIndex<{ readonly keyText: string }>();
  const model = new Set<string>();
  for (let step = 0; step < 5_000; step += 1) {
    const key = String((step * 7_919) % 3_001);
    if (model.has(key)) {
      index.delete(key);
      model.delete(key);
    } else {
      index.add({ keyText: key });
      model.add(key);
    }
  }
  const sorted = [...model].sort();
  const walked: string[] = [];
  index.visit({ kind: 'range', from: '' }, ({ keyText }) => walked.push(keyText));
  expect(walked).toEqual(sorted);
  expect(index.size).toBe(sorted.length);
  const part: string[] = [];
  index.visit({ kind: 'range', from: '15', to: '22' }, ({ keyText }) => part.push(keyText));
  expect(part).toEqual(sorted.filter((key) => key >= '15' && key < '22'));
  expect(index.get('nothing')).toBeUndefined();
  expect(sorted.every((key) => index.get(key)?.keyText === key)).toBe(true);
});

it('stays in order with ascending keys', () => {
  const index = new SortedIndex<{ readonly keyText: string }>();
  const keys = Array.from({ length: 2_000 }, (_, place) => String(place).padStart(5, '0'));
  for (const keyText of keys) index.add({ keyText });
  const walked: string[] = [];
  index.visit({ kind: 'range', from: '' }, ({ keyText }) => walked.push(keyText));
  expect(walked).toEqual(keys);
});
