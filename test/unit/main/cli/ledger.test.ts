/** The demo's check must fail for everything that can go wrong, and for nothing else. */
import { describe, expect, it } from 'vitest';
import { isFaultless, Ledger, NO_NUMBER } from '../../../../src/main/cli/demo/ledger.js';

const KEYS_PER_RANGE = 2;

/** Two ranges of two keys; a write is [key, revision, number]. */
type Row = readonly [key: number, revision: number, number: number];

const writes: readonly Row[] = [
  [0, 10, 1],
  [1, 11, 2],
  [2, 11, 3],
  [0, 12, 4],
  [3, 13, 5],
  [0, 14, NO_NUMBER],
  [0, 15, 6],
];

function judge(written: readonly Row[], seen: readonly Row[]): ReturnType<Ledger['verdict']> {
  const ledger = new Ledger(2, KEYS_PER_RANGE);
  for (const row of written) ledger.written(...row);
  for (const row of seen) ledger.seen(...row);
  return ledger.verdict();
}

const faultless = { lost: 0, doubled: 0, outOfOrder: 0, wrongContent: 0, unexpected: 0 };

describe('Ledger', () => {
  it('finds no fault when each write is seen once, whoever comes first', () => {
    for (const order of ['written first', 'seen first', 'interleaved']) {
      const ledger = new Ledger(2, KEYS_PER_RANGE);
      if (order !== 'seen first') for (const row of writes.slice(0, 3)) ledger.written(...row);
      for (const row of writes) ledger.seen(...row);
      for (const row of order === 'seen first' ? writes : writes.slice(3)) ledger.written(...row);
      expect(ledger.outstanding, order).toBe(0);
      expect(ledger.verdict(), order).toMatchObject({ ...faultless, matched: writes.length });
      expect(isFaultless(ledger.verdict()), order).toBe(true);
    }
  });

  it.each(writes.map((_, index) => index))('counts write %i as lost when it is not seen', (missing) => {
    const verdict = judge(
      writes,
      writes.filter((_, index) => index !== missing),
    );
    expect(verdict).toMatchObject({ ...faultless, lost: 1, matched: writes.length - 1 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it.each(writes)('counts key %i revision %i as doubled when it comes twice in a row', (...twice: Row) => {
    const place = writes.findIndex((row) => row[0] === twice[0] && row[1] === twice[1]);
    const verdict = judge(writes, writes.toSpliced(place, 0, twice));
    expect(verdict).toMatchObject({ lost: 0, doubled: 1 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('counts a write as doubled when it comes again long after', () => {
    const verdict = judge(writes, [...writes, [0, 10, 1]]);
    expect(verdict).toMatchObject({ lost: 0, doubled: 1 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('sees two writes of one key in the wrong order', () => {
    const verdict = judge(writes, writes.with(3, [0, 14, NO_NUMBER]).with(5, [0, 12, 4]));
    expect(verdict.outOfOrder).toBeGreaterThan(0);
    expect(verdict).toMatchObject({ lost: 0, doubled: 0 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('sees two keys of one watch in the wrong order', () => {
    const written: readonly Row[] = [
      [0, 10, 1],
      [1, 11, 2],
    ];
    const verdict = judge(written, written.toReversed());
    expect(verdict).toMatchObject({ lost: 0, doubled: 0, outOfOrder: 1 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('allows any order between watches', () => {
    const written: readonly Row[] = [
      [0, 10, 1],
      [2, 11, 2],
    ];
    expect(isFaultless(judge(written, written.toReversed()))).toBe(true);
  });

  it('sees content that belongs to another write', () => {
    const verdict = judge(writes, writes.with(4, [3, 13, 99]));
    expect(verdict).toMatchObject({ wrongContent: 1 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('sees an event that nobody wrote', () => {
    const verdict = judge(writes, [...writes, [3, 99, 77]]);
    expect(verdict).toMatchObject({ unexpected: 1, lost: 0 });
    expect(isFaultless(verdict)).toBe(false);
  });

  it('takes an unanswered write as it comes: once or never, but not twice', () => {
    for (const times of [0, 1, 2]) {
      const ledger = new Ledger(2, KEYS_PER_RANGE);
      for (const row of writes) ledger.written(...row);
      ledger.unanswered(2, 50);
      for (const row of writes) ledger.seen(...row);
      for (let i = 0; i < times; i += 1) ledger.seen(2, 20, 50);
      expect(isFaultless(ledger.verdict()), `seen ${String(times)} times`).toBe(times < 2);
      expect(ledger.verdict().appliedUnanswered).toBe(Math.min(times, 1));
    }
  });

  it('goes on matching after an unanswered write was seen between others', () => {
    const ledger = new Ledger(1, 1);
    ledger.written(0, 1, 1);
    ledger.seen(0, 1, 1);
    ledger.seen(0, 2, 2);
    ledger.seen(0, 3, 3);
    ledger.unanswered(0, 2);
    ledger.written(0, 3, 3);
    expect(ledger.verdict()).toMatchObject({ ...faultless, matched: 2, appliedUnanswered: 1 });
  });

  it('does not pass when nothing was written', () => {
    expect(isFaultless(judge([], []))).toBe(false);
  });

  it('does not pass for an event outside of the watched ranges', () => {
    expect(isFaultless(judge(writes, [...writes, [40, 16, 7]]))).toBe(false);
  });
});
