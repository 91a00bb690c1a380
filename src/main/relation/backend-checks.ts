/**
 * What both backends refuse before they do anything: changes and secrets that Juju would not take. Main thread; pure. Messages name
 * keys and limits, never values.
 */
import { EtcdError } from '../../wire/errors.js';
import { describeValue } from '../../wire/arguments.js';
import type { DatabagChange, NewSecretContent, SecretRef } from './backend.js';

/** Juju's limits of one key and one value of a unit's state. */
const MAX_STATE_KEY_BYTES = 256;
const MAX_STATE_VALUE_BYTES = 64 * 1024;
/** Juju's rule for the keys of a secret. */
const SECRET_KEY = /^[a-z](?:-?[a-z0-9]){2,}$/u;

/** @throws EtcdError `invalid-argument` for an empty key, or a value that is neither text nor null. */
export function checkChange(change: DatabagChange, what: string): void {
  for (const [key, value] of Object.entries<unknown>(change)) {
    if (key === '') throw invalid(`${what}: a key is empty`);
    if (value !== null && typeof value !== 'string')
      throw invalid(`${what}: '${key}' must be a string (empty or null deletes it), not ${describeValue(value)}`);
  }
}

/** {@link checkChange}, and the limits of a unit's state. */
export function checkStateChange(change: DatabagChange): void {
  checkChange(change, 'writeState');
  for (const [key, value] of Object.entries(change)) {
    if (Buffer.byteLength(key) > MAX_STATE_KEY_BYTES)
      throw invalid(`writeState: a key is longer than ${String(MAX_STATE_KEY_BYTES)} bytes`);
    if (value !== null && Buffer.byteLength(value) > MAX_STATE_VALUE_BYTES)
      throw invalid(`writeState: the value of '${key}' is larger than ${String(MAX_STATE_VALUE_BYTES)} bytes`);
  }
}

/** @throws EtcdError `invalid-argument` for no content, a key that Juju does not take, or an empty value. */
export function checkSecretContent(content: NewSecretContent, what: string): void {
  const entries = Object.entries<unknown>(content);
  if (entries.length === 0) throw invalid(`${what}: a secret needs at least one key`);
  for (const [key, value] of entries) {
    if (!SECRET_KEY.test(key))
      throw invalid(`${what}: '${key}' cannot be a secret's key; allowed are at least 3 of a-z, 0-9 and single dashes`);
    if (typeof value !== 'string' || value === '')
      throw invalid(
        `${what}: '${key}' must be text that is not empty, not ${value === '' ? "''" : describeValue(value)}`,
      );
  }
}

/** @throws EtcdError `invalid-argument` unless the secret is named by its id, its label, or both. */
export function checkSecretRef(ref: SecretRef, what: string): void {
  if ((ref.id ?? '') === '' && (ref.label ?? '') === '') throw invalid(`${what}: give the secret's id or its label`);
}

/** A secret's id without the scheme, and without the model where one is named: what two spellings of one id share. */
export function bareSecretId(id: string): string {
  return id.slice(Math.max(id.lastIndexOf('/'), id.indexOf(':')) + 1);
}

function invalid(message: string): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent' });
}
