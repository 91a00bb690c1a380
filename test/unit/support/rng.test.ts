import { describe, expect, it } from 'vitest';
import { Rng } from '../../support/rng.js';

describe('seeded randomness', () => {
  it('repeats with the same seed and differs with another', () => {
    const draw = (seed: number): number[] => {
      const rng = new Rng(seed);
      return Array.from({ length: 20 }, () => rng.uint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('draws integers from the whole range, both ends included, and shuffles without losing any', () => {
    const rng = new Rng(1);
    expect([...new Set(Array.from({ length: 500 }, () => rng.integer(-2, 2)))].sort((a, b) => a - b)).toEqual([
      -2, -1, 0, 1, 2,
    ]);
    expect(rng.shuffled([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
  });
});
