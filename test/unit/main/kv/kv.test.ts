import { describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { compare } from '../../../../src/main/kv/compare.js';
import { Kv } from '../../../../src/main/kv/kv.js';
import { del, get, put, range } from '../../../../src/main/kv/operation.js';
import { long } from '../../../../src/main/kv/requests.js';
import { txn } from '../../../../src/main/kv/txn-builder.js';
import type { UnaryCallOptions, UnaryCaller, UnaryMethod } from '../../../../src/main/unary/unary-method.js';
import { EtcdError } from '../../../../src/wire/errors.js';

interface Sent {
  readonly path: string;
  readonly request: Uint8Array;
  readonly options: UnaryCallOptions;
}

/** Takes the place of the transport: keeps what was sent, answers with bytes, through the real encoders and decoders. */
class FakeCaller implements UnaryCaller {
  readonly sent: Sent[] = [];
  readonly #answers: Uint8Array[];

  constructor(...answers: Uint8Array[]) {
    this.#answers = answers;
  }

  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
  ): Promise<Response> {
    this.sent.push({ path: method.path, request: method.encode(message), options });
    return Promise.resolve(method.decode(this.#answers.shift() ?? new Uint8Array(0)));
  }
}

const header = { revision: long(9n) };
const rangeAnswer = (answer: rpc.RangeResponse.$Properties): Uint8Array =>
  rpc.RangeResponse.encode({ header, ...answer }).finish();
const txnAnswer = (answer: rpc.TxnResponse.$Properties): Uint8Array =>
  rpc.TxnResponse.encode({ header, ...answer }).finish();

async function failureOf(run: () => unknown): Promise<EtcdError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof EtcdError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('an option set to undefined', () => {
  it('counts as not given, also where it is not allowed', async () => {
    const caller = new FakeCaller(rangeAnswer({}));
    const pages = new Kv(caller).pages('k', { sort: undefined, limit: undefined } as object);
    expect((await pages.next()).done).toBe(false);
    expect(caller.sent).toHaveLength(1);
  });
});

describe('nothing wrong is ever sent', () => {
  // What a JavaScript caller may pass, hence the casts.
  const bad = (value: unknown): never => value as never;
  it.each<[string, (kv: Kv) => unknown, RegExp]>([
    ['an empty key', (kv) => kv.get(''), /^get: key must not be empty/u],
    ['no key at all', (kv) => kv.get(bad(undefined)), /^get: key must be a string or a Uint8Array/u],
    ['no key in a transaction', () => get(bad(undefined)), /^get: key must be a string or a Uint8Array/u],
    ['an object that is no range', (kv) => kv.range(bad({})), /not an object without any of these/u],
    ['an array as range', (kv) => kv.range(bad(['a', 'b'])), /not an array/u],
    ['an array as options', (kv) => kv.get('k', bad([])), /^get: options must be an object, not /u],
    ['null as options of pages', (kv) => kv.pages('k', bad(null)), /^pages: options must be an object, not null/u],
    ['pages that are sorted', (kv) => kv.pages('k', bad({ sort: { by: 'key' } })), /pages come in the order/u],
    [
      'a sort with a typing error',
      (kv) => kv.range('k', { sort: bad({ by: 'key', oder: 'x' }) }),
      /sort: unknown option 'oder'/u,
    ],
    ['null as lease to compare', () => compare('k').lease.equals(bad(null)), /operand must be a lease, a session/u],
    ['an empty key to put', (kv) => kv.put('', 'v'), /key must not be empty/u],
    ['a key that is no key', (kv) => kv.put(bad(7), 'v'), /key must be a string or a Uint8Array/u],
    ['no value', (kv) => kv.put('k', undefined), /value must be/u],
    ['a value that is an object', (kv) => kv.put('k', bad({})), /value must be a string or a Uint8Array/u],
    ['ignoreValue with a value', (kv) => kv.put('k', 'v', { ignoreValue: true }), /ignoreValue/u],
    ['ignoreLease with a lease', (kv) => kv.put('k', 'v', { ignoreLease: true, lease: 1n }), /ignoreLease/u],
    ['lease 0n', (kv) => kv.put('k', 'v', { lease: 0n }), /lease must not be 0n/u],
    [
      'a lease that is a number',
      (kv) => kv.put('k', 'v', { lease: bad(7) }),
      /lease must be a lease, a session or a lease's id/u,
    ],
    [
      'a lease beyond 64 bits',
      (kv) => kv.put('k', 'v', { lease: { leaseId: 2n ** 63n } }),
      /leaseId must be a bigint/u,
    ],
    ['prevKv of another type', (kv) => kv.put('k', 'v', { prevKv: bad(1) }), /prevKv must be true or false/u],
    [
      'a misspelt option',
      (kv) => kv.put('k', 'v', bad({ prevKV: true })),
      /put: unknown option 'prevKV'; did you mean 'prevKv'/u,
    ],
    ['options that are none', (kv) => kv.get('k', bad(7)), /^get: options must be an object, not /u],
    ['revision 0n', (kv) => kv.get('k', { revision: 0n }), /revision must be a bigint from 1n/u],
    ['a revision that is a number', (kv) => kv.get('k', { revision: bad(5) }), /revision must be a bigint/u],
    ['limit 0', (kv) => kv.range('k', { limit: 0 }), /limit must be a whole number from 1/u],
    ['half a limit', (kv) => kv.range('k', { limit: 1.5 }), /limit must be/u],
    ['a limit on get', (kv) => kv.get('k', bad({ limit: 1 })), /^get: unknown option 'limit'/u],
    ['an unknown sort', (kv) => kv.range('k', { sort: { by: bad('size') } }), /sort: by must be 'key' or/u],
    ['a sort by __proto__', (kv) => kv.range('k', { sort: { by: bad('__proto__') } }), /sort: by must be/u],
    ['an unknown order', (kv) => kv.range('k', { sort: { by: 'key', order: bad('up') } }), /sort: order must be/u],
    ['an empty range', (kv) => kv.range({ from: 'b', to: 'a' }), /below/u],
    ['minModRevision 0n', (kv) => kv.range('k', { minModRevision: 0n }), /minModRevision/u],
    ['a page size of 0', (kv) => kv.pages('k', { pageSize: 0 }), /pageSize/u],
    ['sorted pages', (kv) => kv.pages('k', bad({ sort: { by: 'value' } })), /order of the keys/u],
    ['pages of an empty key', (kv) => kv.pages(''), /must not be empty/u],
    ['pages at a number', (kv) => kv.pages('k', { revision: bad(7) }), /revision must be a bigint/u],
    ['a delete of everything by accident', (kv) => kv.delete(bad({})), /range must be a key/u],
    ['an undefined range', (kv) => kv.delete(bad(undefined)), /range must be a key/u],
    ['compaction at 0n', (kv) => kv.compact(0n), /revision must be a bigint from 1n/u],
    ['an empty transaction', (kv) => kv.txn().commit(), /at least one comparison or operation/u],
    [
      'an operation that is none',
      (kv) =>
        kv
          .txn()
          .then(bad({ kind: 'put' }))
          .commit(),
      /then: steps must be made by put/u,
    ],
    ['a comparison that is none', (kv) => kv.txn().if(bad(true)).commit(), /if: comparisons must be made by compare/u],
    ['null as a comparison', (kv) => kv.txn().if(bad(null)).commit(), /if: comparisons must be made by compare/u],
    ['a comparison with a number', () => compare('k').version.equals(bad(1)), /operand must be a bigint/u],
    ['a comparison with a negative version', () => compare('k').version.equals(-1n), /from 0n/u],
    ['a comparison of nothing', () => compare(''), /must not be empty/u],
    [
      'a transaction nested in itself',
      (kv) => {
        const inner = txn();
        inner.then(inner);
        return kv.txn().then(inner).commit();
      },
      /nested in itself/u,
    ],
  ])('%s is refused with its name and what is allowed', async (_what, run, why) => {
    const caller = new FakeCaller();
    const error = await failureOf(() => run(new Kv(caller)));
    expect(error).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    expect(error.message).toMatch(why);
    expect(caller.sent).toHaveLength(0);
  });

  it('a lease that is missing is refused, never put without one', async () => {
    const caller = new FakeCaller();
    const between: { lease: { leaseId: bigint } | undefined } = { lease: undefined };
    const missing = await failureOf(() => new Kv(caller).put('k', 'v', bad({ lease: between.lease })));
    expect(missing).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    expect(missing.message).toMatch(/put: lease must be .*, not undefined/u);
    const session = { ...between, close: () => undefined };
    const none = await failureOf(() => new Kv(caller).put('k', 'v', { lease: session }));
    expect(none).toMatchObject({ code: 'lease-ended', outcome: 'not-sent', retryable: true });
    expect(await failureOf(() => put('k', 'v', bad({ lease: undefined })))).toMatchObject({ code: 'invalid-argument' });
    expect(caller.sent).toHaveLength(0);
  });

  it('a session stands for the lease that it holds', async () => {
    const caller = new FakeCaller(rpc.PutResponse.encode({ header }).finish());
    await new Kv(caller).put('k', 'v', {
      lease: { lease: { leaseId: 77n, isAlive: () => true }, close: () => undefined },
    });
    const [sent] = caller.sent;
    expect(sent?.options.leaseId).toBe(77n);
    expect(rpc.PutRequest.decode(sent?.request ?? new Uint8Array(0)).lease).toMatchObject({ low: 77 });
  });

  it('a key put twice in one branch, but not one in each branch', async () => {
    const caller = new FakeCaller(txnAnswer({ succeeded: true, responses: [{ responsePut: { header } }] }));
    const kv = new Kv(caller);
    const twice = await failureOf(() =>
      kv
        .txn()
        .then(put('k', '1'), put(Buffer.from('k'), '2'))
        .commit(),
    );
    expect(twice).toMatchObject({ code: 'duplicate-key', outcome: 'not-sent' });
    expect(caller.sent).toHaveLength(0);
    await kv.txn().then(put('k', '1')).else(put('k', '2')).commit();
    expect(caller.sent).toHaveLength(1);
  });

  it('values never appear in a refusal', async () => {
    const error = await failureOf(() => new Kv(new FakeCaller()).put('k', 'top-secret', { ignoreValue: true }));
    expect(error.message).not.toContain('top-secret');
  });
});

describe('a transaction builder', () => {
  it('that is awaited rejects instead of pretending to be sent', async () => {
    const caller = new FakeCaller();
    const builder: unknown = new Kv(caller).txn().then(put('k', 'v'));
    expect(await failureOf(async () => await builder)).toMatchObject({ code: 'invalid-argument' });
    expect(caller.sent).toHaveLength(0);
  });

  it('is a read only when no branch writes, nested ones included', async () => {
    const answers = Array.from({ length: 5 }, () => txnAnswer({ succeeded: false }));
    const caller = new FakeCaller(...answers);
    const kv = new Kv(caller);
    await kv.txn().if(compare('k').version.equals(0n)).commit();
    await kv
      .txn()
      .then(get('k'), range({ all: true }), txn().then(get('k')))
      .commit();
    await kv.txn().then(put('k', 'v')).commit();
    await kv.txn().then(get('k'), del('k')).commit();
    await kv
      .txn()
      .then(txn().else(put('k', 'v')))
      .commit();
    expect(caller.sent.map((call) => call.options.repeatable)).toEqual([true, true, false, false, false]);
  });
});

describe('requests', () => {
  it('reads are repeatable and writes are not; serializable reads do without a leader', async () => {
    const some = rangeAnswer({});
    const empty = rpc.PutResponse.encode({ header }).finish();
    const caller = new FakeCaller(some, some, empty, empty, empty);
    const kv = new Kv(caller);
    await kv.get('k');
    await kv.range('k', { serializable: true });
    await kv.put('k', 'v', { lease: 7n });
    await kv.delete('k');
    await kv.compact(5n);
    expect(caller.sent.map(({ options }) => [options.repeatable, options.requireLeader])).toEqual([
      [true, true],
      [true, false],
      [false, true],
      [false, true],
      [false, true],
    ]);
    expect(caller.sent[2]?.options.leaseId).toBe(7n);
  });

  it('64-bit options reach the wire whole, negative lease ids too', async () => {
    const caller = new FakeCaller(rpc.PutResponse.encode({ header }).finish());
    await new Kv(caller).put('k', '', { lease: -(2n ** 62n) - 3n });
    const request = rpc.PutRequest.decode(caller.sent[0]?.request ?? new Uint8Array(0));
    expect(request.lease.toString()).toBe(String(-(2n ** 62n) - 3n));
  });
});

describe('answers that make no sense are malformed-response', () => {
  it.each<[string, Uint8Array, (kv: Kv) => unknown]>([
    ['no header', new Uint8Array(0), (kv) => kv.get('k')],
    ['no header for a put', new Uint8Array(0), (kv) => kv.put('k', 'v')],
    ['no header for a compaction', new Uint8Array(0), (kv) => kv.compact(1n)],
    ['too few answers of a transaction', txnAnswer({ succeeded: true }), (kv) => kv.txn().then(get('k')).commit()],
    [
      'an empty answer of an operation',
      txnAnswer({ succeeded: true, responses: [{}] }),
      (kv) => kv.txn().then(get('k')).commit(),
    ],
    [
      'an answer to another operation',
      txnAnswer({ succeeded: true, responses: [{ responsePut: {} }] }),
      (kv) => kv.txn().then(get('k')).commit(),
    ],
    [
      'an answer that is no transaction inside one',
      txnAnswer({ succeeded: true, responses: [{ responseRange: {} }] }),
      (kv) =>
        kv
          .txn()
          .then(txn().then(get('k')))
          .commit(),
    ],
    ['an empty page with more behind it', rangeAnswer({ more: true }), (kv) => kv.pages({ all: true }).next()],
  ])('%s', async (_what, answer, run) => {
    expect(await failureOf(() => run(new Kv(new FakeCaller(answer))))).toMatchObject({ code: 'malformed-response' });
  });

  it('a server that repeats a page cannot make the iteration endless', async () => {
    const page = rangeAnswer({ more: true, kvs: [{ key: Buffer.from('b') }] });
    const pages = new Kv(new FakeCaller(page, page)).pages({ prefix: '' });
    await pages.next();
    expect(await failureOf(() => pages.next())).toMatchObject({ code: 'malformed-response' });
  });
});
