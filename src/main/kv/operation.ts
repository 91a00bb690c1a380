/**
 * Operations of transactions: the builders `put`, `get`, `range`, `del`. Main thread; pure.
 */
import { toKey, type KeyInput, type RangeInput } from '../../wire/key-range.js';
import {
  checkNames,
  DELETE_OPTIONS,
  GET_OPTIONS,
  PUT_OPTIONS,
  RANGE_OPTIONS,
  type DeleteOptions,
  type GetOptions,
  type PutOptions,
  type RangeOptions,
} from './kv-options.js';
import { deleteRequest, putRequest, rangeRequest } from './requests.js';
import type { Operation } from './txn-builder.js';
import { rememberOperation } from './txn-requests.js';

/** Writes one key. Options as in `kv.put`. */
export function put(key: KeyInput, value: KeyInput | undefined, options: PutOptions = {}): Operation<'put'> {
  checkNames(options, 'put', PUT_OPTIONS);
  return rememberOperation('put', { requestPut: putRequest(key, value, options) });
}

/** Reads one key. Options as in `kv.get`. */
export function get(key: KeyInput, options: GetOptions = {}): Operation<'get'> {
  checkNames(options, 'get', GET_OPTIONS);
  return rememberOperation('get', { requestRange: rangeRequest({ key: toKey(key) }, options) });
}

/** Reads a range. Options as in `kv.range`. */
export function range(keys: RangeInput, options: RangeOptions = {}): Operation<'range'> {
  checkNames(options, 'range', RANGE_OPTIONS);
  return rememberOperation('range', { requestRange: rangeRequest(keys, options) });
}

/** Deletes a key or a range. Options as in `kv.delete`. */
export function del(keys: RangeInput, options: DeleteOptions = {}): Operation<'delete'> {
  checkNames(options, 'del', DELETE_OPTIONS);
  return rememberOperation('delete', { requestDeleteRange: deleteRequest(keys, options) });
}
