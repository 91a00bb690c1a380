/**
 * The kv service: keys and values, ranges, transactions, compaction. Main thread; keeps no state, owns no connection.
 */
import { checkOptions, invalidOption, type OptionRule } from '../../wire/arguments.js';
import { requireInt64 } from '../../wire/int64.js';
import { toDeletedRange, toKey, toKeyRange, type KeyInput, type RangeInput } from '../../wire/key-range.js';
import type { CallOptions } from '../unary/call-scope.js';
import { kvMethods } from '../unary/etcd-methods.js';
import type { UnaryCallOptions, UnaryCaller } from '../unary/unary-method.js';
import { plainValue } from '../plain-value.js';
import type { CompactResult, DeleteResult, KeyValue, PutResult, RangeResult } from './key-value.js';
import {
  callTable,
  COMPACT_RULES,
  DELETE_RULES,
  GET_RULES,
  PUT_RULES,
  RANGE_RULES,
  type CompactOptions,
  type DeleteOptions,
  type GetOptions,
  type PutOptions,
  type RangeOptions,
} from './kv-options.js';
import { leaseIdOf } from './lease-input.js';
import { PAGES_RULES, pagePlan, readPages, type Page, type PagesOptions } from './pages.js';
import { deleteRequest, long, putRequest, rangeRequest } from './requests.js';
import { deleteResultFrom, headerFrom, putResultFrom, rangeResultFrom } from './responses.js';
import { Txn } from './txn.js';

const notForPages: OptionRule = (_value, name) => {
  throw invalidOption(`${name} must not be given: pages come in the order of the keys; use range()`);
};

const RULES = {
  get: callTable(GET_RULES),
  range: callTable(RANGE_RULES),
  pages: { ...callTable(PAGES_RULES), sort: notForPages, countOnly: notForPages },
  put: callTable(PUT_RULES),
  delete: callTable(DELETE_RULES),
  compact: callTable(COMPACT_RULES),
};
/**
 * etcd's key-value store. Every method checks its arguments before anything is sent (`invalid-argument`), takes `signal` and
 * `timeoutMs`, and rejects with an `EtcdError`: `timeout`, `aborted`, `closed`, `unavailable`, `no-leader`, `permission-denied`,
 * `unauthenticated` and the codes named with each. Reads are repeated until they are served or their time is up. Writes are
 * repeated only where they provably were not applied; the error of a failed write has an `outcome`: `not-sent`, `refused`, or
 * `unknown` where it may have been applied.
 */
export class Kv {
  readonly #caller: UnaryCaller;

  /** Made by the engine. @internal */
  constructor(caller: UnaryCaller) {
    this.#caller = caller;
  }

  /**
   * Reads one key; null where it is not there.
   *
   * @throws EtcdError `compacted` or `future-revision` for a `revision` that the store has no more or not yet.
   */
  async get(key: KeyInput, options: GetOptions & CallOptions = {}): Promise<KeyValue | null> {
    checkOptions<GetOptions & CallOptions>(options, RULES.get, 'get');
    const response = await this.#caller.call(
      kvMethods.range,
      rangeRequest({ key: toKey(key, 'get: key'), rangeEnd: undefined }, options),
      readCall(options),
    );
    return rangeResultFrom(response).kvs[0] ?? null;
  }

  /**
   * Reads a range in one answer, whatever its size. For large ranges {@link pages} needs less memory on both sides.
   *
   * @throws EtcdError `compacted` or `future-revision`, as {@link get}.
   */
  async range(range: RangeInput, options: RangeOptions & CallOptions = {}): Promise<RangeResult> {
    checkOptions<RangeOptions & CallOptions>(options, RULES.range, 'range');
    const request = rangeRequest(toKeyRange(range, 'range: range'), options);
    return rangeResultFrom(await this.#caller.call(kvMethods.range, request, readCall(options)));
  }

  /** How many keys a range has. */
  async count(range: RangeInput, options: GetOptions & CallOptions = {}): Promise<bigint> {
    checkOptions<GetOptions & CallOptions>(options, RULES.get, 'count');
    const request = rangeRequest(toKeyRange(range, 'count: range'), { ...options, countOnly: true });
    return rangeResultFrom(await this.#caller.call(kvMethods.range, request, readCall(options))).count;
  }

  /**
   * Reads a range page by page, in the order of the keys, all pages at the revision of the first (or the one asked for): writes
   * made meanwhile do not show. The first page comes even when it is empty. `timeoutMs` is for each page; `break` ends it.
   *
   * @throws EtcdError from the iteration: `compacted` where the revision was compacted between two pages (begin again then).
   */
  pages(range: RangeInput, options: PagesOptions & CallOptions = {}): AsyncGenerator<Page, void, void> {
    checkOptions<PagesOptions & CallOptions>(options, RULES.pages, 'pages');
    const whole = toKeyRange(range, 'pages: range');
    const { signal, timeoutMs, pageSize: _pageSize, limit: _limit, revision: _revision, ...filters } = options;
    const call = readCall({ signal, timeoutMs, serializable: filters.serializable });
    return readPages(whole, pagePlan(options), async (part, limit, revision) => {
      const request = rangeRequest(part, { ...filters, limit, revision });
      return rangeResultFrom(await this.#caller.call(kvMethods.range, request, call));
    });
  }

  /**
   * Writes one key.
   *
   * @param value undefined only with `ignoreValue`.
   * @throws EtcdError `lease-not-found` (a `LeaseError`), `no-space`, `request-too-large`.
   */
  async put(key: KeyInput, value: KeyInput | undefined, options: PutOptions & CallOptions = {}): Promise<PutResult> {
    checkOptions<PutOptions & CallOptions>(options, RULES.put, 'put');
    const request = putRequest(key, value, options);
    const leaseId = options.lease === undefined ? undefined : leaseIdOf(options.lease, 'put: lease');
    return putResultFrom(await this.#caller.call(kvMethods.put, request, { ...writeCall(options), leaseId }));
  }

  /**
   * Deletes a key or a range, in one revision. Deleting what is not there is no error: `deleted` is 0n then. An empty prefix
   * is refused (`invalid-argument`), since it is every key; `{ all: true }` deletes those.
   */
  async delete(range: RangeInput, options: DeleteOptions & CallOptions = {}): Promise<DeleteResult> {
    checkOptions<DeleteOptions & CallOptions>(options, RULES.delete, 'delete');
    const request = deleteRequest(toDeletedRange(range, 'delete: range'), options);
    return deleteResultFrom(await this.#caller.call(kvMethods.deleteRange, request, writeCall(options)));
  }

  /** Begins a transaction: `kv.txn().if(…).then(…).else(…).commit()`. Nothing is sent before `commit()`. */
  txn(): Txn {
    return new Txn(this.#caller);
  }

  /**
   * Forgets the history before a revision: reads and watches from before it fail with `compacted` from then on.
   *
   * @throws EtcdError `compacted` where it has been compacted already, `future-revision`.
   */
  async compact(revision: bigint, options: CompactOptions & CallOptions = {}): Promise<CompactResult> {
    checkOptions<CompactOptions & CallOptions>(options, RULES.compact, 'compact');
    const request = {
      revision: long(requireInt64(revision, 'compact: revision', 1n)),
      physical: options.physical === true,
    };
    const { header } = await this.#caller.call(kvMethods.compact, request, writeCall(options));
    return plainValue({ header: headerFrom(header) });
  }
}

function readCall(options: CallOptions & { readonly serializable?: boolean | undefined }): UnaryCallOptions {
  // A serializable read is for when there is no leader, too.
  return { ...callOptions(options), repeatable: true, requireLeader: options.serializable !== true };
}

function writeCall(options: CallOptions): UnaryCallOptions {
  return { ...callOptions(options), repeatable: false, requireLeader: true };
}

function callOptions({ signal, timeoutMs }: CallOptions): CallOptions {
  return { signal, timeoutMs };
}
