/** Random requests of the KV service: few keys, so that they meet; some that etcd refuses. Pure. */
import type { Rng } from '../../support/rng.js';
import { bytes } from '../rpc-session.js';
import type { LeaseId } from './twin.js';

export interface Span {
  readonly key: Buffer;
  readonly rangeEnd?: Buffer | undefined;
}

/**
 * Folders of ten keys at most: Go's sort keeps equal elements in their order only up to twelve.
 * What sorts by anything but the key asks for one folder.
 */
const FOLDERS = ['a/', 'b/', 'c/'] as const;
const KEYS_IN_FOLDER = 10;
const NO_KEY = Buffer.alloc(0);

export function randomKey(rng: Rng): Buffer {
  return bytes(`${rng.pick(FOLDERS)}${String(rng.integer(0, KEYS_IN_FOLDER - 1))}`);
}

export function folder(rng: Rng): Span {
  const name = rng.pick(FOLDERS);
  return { key: bytes(name), rangeEnd: bytes(`${name.slice(0, 1)}0`) };
}

export function randomSpan(rng: Rng): Span {
  switch (rng.integer(0, 9)) {
    case 0:
    case 1:
      return folder(rng);
    case 2:
      return { key: bytes('\0'), rangeEnd: bytes('\0') };
    case 3:
      return { key: randomKey(rng), rangeEnd: bytes('\0') };
    case 4:
      // The other way round or empty at times.
      return { key: randomKey(rng), rangeEnd: randomKey(rng) };
    case 5:
      return rng.chance(0.2) ? { key: NO_KEY, rangeEnd: rng.pick([NO_KEY, bytes('\0'), bytes('b')]) } : folder(rng);
    default:
      return { key: randomKey(rng) };
  }
}

export function randomRange(rng: Rng, revision: number): object {
  const sorted = rng.chance(0.3);
  const old = (): number => rng.integer(0, revision);
  const bound = (): number => (rng.chance(0.9) ? 0 : old());
  return {
    ...(sorted ? folder(rng) : randomSpan(rng)),
    limit: rng.chance(0.6) ? 0 : rng.pick([1, 2, 3, 9, 10, 11, -1]),
    revision: rng.chance(0.7) ? 0 : rng.pick([revision, old(), old(), Math.max(0, revision - 5), revision + 1, -1]),
    sortOrder: rng.chance(0.1) ? 5 : rng.integer(0, 2),
    sortTarget: sorted ? rng.integer(0, 4) : 0,
    serializable: rng.chance(0.2),
    keysOnly: rng.chance(0.15),
    countOnly: rng.chance(0.1),
    minModRevision: bound(),
    maxModRevision: bound(),
    minCreateRevision: bound(),
    maxCreateRevision: bound(),
  };
}

/** @param keep it may ask to keep the value or the lease that the key has. */
export function randomPut(rng: Rng, lease: LeaseId, keep = true): object {
  const keepValue = keep && rng.chance(0.08);
  const keepLease = keep && rng.chance(0.08);
  return {
    key: rng.chance(0.02) ? NO_KEY : randomKey(rng),
    ...(keepValue && rng.chance(0.9) ? {} : { value: bytes(`v${String(rng.integer(0, 30))}`) }),
    ...(keepLease && rng.chance(0.9) ? {} : { lease: rng.chance(0.75) ? 0 : lease(rng.integer(1, 9)) }),
    prevKv: rng.chance(0.3),
    ignoreValue: keepValue,
    ignoreLease: keepLease,
  };
}

export function randomDelete(rng: Rng): object {
  // Whole folders seldom: else there would be few keys.
  return { ...(rng.chance(0.15) ? randomSpan(rng) : { key: randomKey(rng) }), prevKv: rng.chance(0.4) };
}

export function randomCompare(rng: Rng, revision: number, lease: LeaseId): object {
  const span = rng.chance(0.3) ? randomSpan(rng) : { key: randomKey(rng) };
  const number = rng.chance(0.5) ? 0 : rng.integer(0, revision);
  const value = rng.pick([
    { target: 0, version: rng.integer(0, 4) },
    { target: 1, createRevision: number },
    { target: 2, modRevision: number },
    { target: 3, value: bytes(`v${String(rng.integer(0, 30))}`) },
    { target: 4, lease: rng.chance(0.6) ? 0 : lease(rng.integer(1, 9)) },
    { target: rng.integer(0, 5) },
  ]);
  return { result: rng.integer(0, rng.chance(0.02) ? 5 : 3), ...value, ...span };
}

/**
 * What it keeps of a key must not be deleted by the same transaction: etcd 3.4 and 3.5 end with a panic then.
 *
 * @param deletes it has deletions, and no puts that keep something; else the other way round.
 */
export function randomTxn(rng: Rng, revision: number, lease: LeaseId, deletes: boolean, depth = 0): object {
  const list = (make: () => object, most: number): object[] =>
    Array.from({ length: rng.integer(0, most) }, () => make());
  const operation = (): object => {
    const choice = rng.integer(0, 19);
    if (choice < 8) return { requestPut: randomPut(rng, lease, !deletes) };
    if (choice < 14) return { requestRange: randomRange(rng, revision) };
    if (choice < 17 && deletes) return { requestDeleteRange: randomDelete(rng) };
    if (choice === 17 && rng.chance(0.05)) return {};
    return depth < 3
      ? { requestTxn: randomTxn(rng, revision, lease, deletes, depth + 1) }
      : { requestRange: { key: randomKey(rng) } };
  };
  return {
    compare: list(() => randomCompare(rng, revision, lease), 3),
    success: list(operation, 4),
    failure: list(operation, 3),
  };
}
