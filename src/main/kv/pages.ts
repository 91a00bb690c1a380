/**
 * Reads a range page by page, all pages at one revision. Main thread.
 */
import { compareKeys, type KeyRange } from '../../wire/key-range.js';
import { plainValue } from '../plain-value.js';
import type { RangeResult } from './key-value.js';
import type { OptionTable } from '../../wire/arguments.js';
import { countRule, FILTER_RULES, type RangeFilters } from './kv-options.js';
import { malformed } from './responses.js';

export const DEFAULT_PAGE_SIZE = 1_000;

export interface PagesOptions extends RangeFilters {
  /** Keys in one page, from 1. Default 1,000. */
  readonly pageSize?: number | undefined;
  /** Keys in all pages together, from 1. Default: all. */
  readonly limit?: number | undefined;
}

/** One page of a range. */
export interface Page extends RangeResult {
  /** The revision at which all pages are read: watch from the one after it to miss nothing. */
  readonly revision: bigint;
}

/** Reads one page: so many keys from `range`, at a revision (undefined: now). */
export type ReadPage = (range: KeyRange, limit: number, revision: bigint | undefined) => Promise<RangeResult>;

export const PAGES_RULES: OptionTable<PagesOptions> = { ...FILTER_RULES, pageSize: countRule, limit: countRule };

/** Which pages to read. */
export interface PagePlan {
  readonly pageSize: number;
  readonly limit: number;
  readonly revision: bigint | undefined;
}

/** The plan for checked options. */
export function pagePlan({ pageSize, limit, revision }: PagesOptions): PagePlan {
  return { pageSize: pageSize ?? DEFAULT_PAGE_SIZE, limit: limit ?? Number.POSITIVE_INFINITY, revision };
}

/** The first page comes even when it is empty, for its revision. Pages are read when they are asked for, one at a time. */
export async function* readPages(range: KeyRange, plan: PagePlan, read: ReadPage): AsyncGenerator<Page, void, void> {
  let { revision } = plan;
  let left = plan.limit;
  let rest = range;
  let count: bigint | undefined;
  while (true) {
    const page = await read(rest, Math.min(plan.pageSize, left), revision);
    // Writes that come between two pages must not show: what the first page saw is what all see.
    revision ??= page.header.revision;
    if (revision < 1n) throw malformed('a header without a revision');
    // Later answers count only what is left of the range.
    count ??= page.count;
    left -= page.kvs.length;
    const last = page.kvs.at(-1);
    checkOrder(page, rest.key);
    if (page.more && last === undefined) throw malformed('a page without keys that says there are more');
    yield plainValue({ ...page, count, revision });
    if (!page.more || last === undefined || left <= 0) return;
    rest = { key: keyAfter(last.key), rangeEnd: range.rangeEnd };
  }
}

/** A page that does not begin where it was asked to would give keys twice, or never come to an end. */
function checkOrder({ kvs }: RangeResult, start: Uint8Array): void {
  const [first, last] = [kvs[0], kvs.at(-1)];
  if (first === undefined || last === undefined) return;
  if (compareKeys(first.key, start) < 0 || compareKeys(last.key, first.key) < 0)
    throw malformed('a page whose keys are not in order');
}

/** The smallest key above it: itself and a zero byte. Safe for every key, text or not. */
function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
