/**
 * Writes a load to etcd over @grpc/grpc-js with hand-written messages, and reports the revisions it made.
 * Plain JavaScript: it runs in the test's process as well as in a child process, which cannot load TypeScript.
 */
import { Client, credentials } from '@grpc/grpc-js';

/**
 * @typedef {object} LoadOptions
 * @property {string} address `host:port`, plain text.
 * @property {number} writes Number of requests; each makes one revision.
 * @property {number} [concurrency] Requests in flight; default 32.
 * @property {string} [prefix] Of all keys; default `load/`. Key `i` is the prefix and `i`.
 * @property {number} [keys] Number of different keys, used in turn; default 1000.
 * @property {number} [keysPerRevision] More than 1: transactions of as many puts; default 1.
 * @property {number} [deleteEvery] Each so-manieth request deletes its key instead; default 0, never.
 * @property {number} [valueBytes] Default 64. A value begins with its request's number.
 * @property {number} [writesPerSecond] Default 0, as fast as it goes.
 */

/**
 * @typedef {object} LoadReport
 * @property {number} writes Requests that were answered.
 * @property {string} firstRevision Lowest revision made, in decimal; `0` if none.
 * @property {string} lastRevision Highest revision made, in decimal.
 * @property {number} elapsedMs
 */

/** @param {number} value @returns {number[]} */
function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** A length-delimited field. @param {number} number @param {Uint8Array} bytes @returns {Buffer} */
function field(number, bytes) {
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
}

/** @param {string} key @param {Buffer} value @returns {Buffer} */
function putRequest(key, value) {
  return Buffer.concat([field(1, Buffer.from(key)), field(2, value)]);
}

/** header.revision of any answer of the KV service: field 3 of field 1. @param {Buffer} answer @returns {bigint} */
function revisionOf(answer) {
  let at = 0;
  const next = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = answer.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  next();
  const end = Number(next()) + at;
  while (at < end) {
    const tag = next();
    const value = next();
    if (tag >> 3n === 3n) return value;
  }
  return 0n;
}

/**
 * Runs the whole load. Rejects with the first request that fails.
 * @param {LoadOptions} options
 * @returns {Promise<LoadReport>}
 */
export async function writeLoad(options) {
  const { address, writes, concurrency = 32, prefix = 'load/', keys = 1_000, keysPerRevision = 1 } = options;
  const { deleteEvery = 0, valueBytes = 64, writesPerSecond = 0 } = options;
  if (keysPerRevision > keys) throw new Error('keysPerRevision cannot be more than keys: etcd refuses a key twice');
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  /** @param {Buffer} bytes */
  const asIs = (bytes) => bytes;
  /** @param {string} method @param {Buffer} request @returns {Promise<bigint>} */
  const call = (method, request) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(`/etcdserverpb.KV/${method}`, asIs, asIs, request, (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer === undefined ? 0n : revisionOf(answer));
      });
    });
  /** @param {number} index @returns {Promise<bigint>} */
  const write = (index) => {
    /** @param {number} offset */
    const key = (offset) => prefix + String((index * keysPerRevision + offset) % keys);
    if (deleteEvery > 0 && index % deleteEvery === deleteEvery - 1) {
      return call('DeleteRange', field(1, Buffer.from(key(0))));
    }
    const value = Buffer.alloc(valueBytes, 0x2e);
    value.write(String(index));
    if (keysPerRevision === 1) return call('Put', putRequest(key(0), value));
    const puts = Array.from({ length: keysPerRevision }, (_, offset) =>
      field(2, field(2, putRequest(key(offset), value))),
    );
    return call('Txn', Buffer.concat(puts));
  };

  const started = performance.now();
  let next = 0;
  let answered = 0;
  let first = 0n;
  let last = 0n;
  const worker = async () => {
    while (next < writes) {
      const index = next;
      next += 1;
      if (writesPerSecond > 0) {
        const waitMs = started + (index / writesPerSecond) * 1_000 - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
      const revision = await write(index);
      answered += 1;
      if (first === 0n || revision < first) first = revision;
      if (revision > last) last = revision;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, writes) }, worker));
  } finally {
    // A failed load starts nothing more.
    next = writes;
    client.close();
  }
  const elapsedMs = performance.now() - started;
  return { writes: answered, firstRevision: String(first), lastRevision: String(last), elapsedMs };
}
