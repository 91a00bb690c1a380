/**
 * Operations of transactions: the builders `put`, `get`, `range`, `del`. Main thread; pure.
 */
import { checkOptions } from '../../wire/arguments.js';
import { toDeletedRange, toKey, toKeyRange, type KeyInput, type RangeInput } from '../../wire/key-range.js';
import {
  DELETE_RULES,
  GET_RULES,
  PUT_RULES,
  RANGE_RULES,
  type DeleteOptions,
  type GetOptions,
  type PutOptions,
  type RangeOptions,
} from './kv-options.js';
import { deleteRequest, putRequest, rangeRequest } from './requests.js';
import { rememberOperation } from './txn-parts.js';
import type { Operation } from './txn-types.js';

/** Writes one key. Options as in `kv.put`. */
export function put(key: KeyInput, value: KeyInput | undefined, options: PutOptions = {}): Operation<'put'> {
  checkOptions<PutOptions>(options, PUT_RULES, 'put');
  return rememberOperation('put', { requestPut: putRequest(key, value, options) });
}

/** Reads one key. Options as in `kv.get`. */
export function get(key: KeyInput, options: GetOptions = {}): Operation<'get'> {
  checkOptions<GetOptions>(options, GET_RULES, 'get');
  return rememberOperation('get', {
    requestRange: rangeRequest({ key: toKey(key, 'get: key'), rangeEnd: undefined }, options),
  });
}

/** Reads a range. Options as in `kv.range`. */
export function range(keys: RangeInput, options: RangeOptions = {}): Operation<'range'> {
  checkOptions<RangeOptions>(options, RANGE_RULES, 'range');
  return rememberOperation('range', { requestRange: rangeRequest(toKeyRange(keys, 'range: keys'), options) });
}

/** Deletes a key or a range. Options as in `kv.delete`. */
export function del(keys: RangeInput, options: DeleteOptions = {}): Operation<'delete'> {
  checkOptions<DeleteOptions>(options, DELETE_RULES, 'del');
  return rememberOperation('delete', { requestDeleteRange: deleteRequest(toDeletedRange(keys, 'del: keys'), options) });
}
