import { describe, expect, it } from 'vitest';
import { IntervalTree, type Interval } from '../../../../src/embedded/watch/interval-tree.js';
import { Rng } from '../../../support/rng.js';

describe('IntervalTree', () => {
  it('finds by key what a search through all intervals finds, whatever was added and deleted before', () => {
    const rng = new Rng(7);
    const tree = new IntervalTree<Interval>();
    const all = new Map<string, Interval>();
    const text = (): string => Array.from({ length: rng.integer(1, 3) }, () => rng.pick(['a', 'b', 'c', 'd'])).join('');
    for (let step = 0; step < 4_000; step += 1) {
      const [from, other] = [text(), text()];
      const interval: Interval = rng.chance(0.2) || other <= from ? { from } : { from, to: other };
      const name = `${interval.from}/${interval.to ?? ''}`;
      expect(tree.get(interval) === undefined).toBe(!all.has(name));
      if (all.has(name)) {
        if (rng.chance(0.5)) {
          tree.delete(interval);
          all.delete(name);
        }
      } else {
        tree.add(interval, interval);
        all.set(name, interval);
      }
      const key = text();
      const found: Interval[] = [];
      tree.visit(key, (value) => found.push(value));
      const expected = [...all.values()].filter(
        ({ from: start, to }) => start <= key && (to === undefined || key < to),
      );
      expect(new Set(found)).toEqual(new Set(expected));
      expect(found).toHaveLength(expected.length);
    }
  });
});
