/** HTTP/1 on the client port, and etcd's JSON gateway: the same requests to the embedded server and to a real etcd, answer by answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { suiteEtcd } from '../../support/suite-etcd.js';
import { startEmbedded } from './embedded-server.js';
import { askJson, type JsonAnswer, type JsonCall } from './json-calls.js';

const key = (text: string): string => Buffer.from(text).toString('base64');
const post = (path: string, body: unknown, more: Partial<JsonCall> = {}): JsonCall => ({
  path: `/v3/${path}`,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
});

describe('over HTTP/1, as etcd', () => {
  const etcd = suiteEtcd();
  let embedded: Awaited<ReturnType<typeof startEmbedded>> | undefined;
  /** etcd's own releases have the older gateway, whose words for what is no call differ; some builds have the newer. */
  let hasNewGateway = false;
  beforeAll(async () => {
    embedded = await startEmbedded();
    hasNewGateway = (await askJson(etcd().address, { path: '/v3/kv/range' })).status === 501;
  });
  afterAll(async () => {
    await embedded?.close();
  });
  /** Asks both, one after the other. */
  const both = async (call: JsonCall): Promise<JsonAnswer> => {
    const theirs = await askJson(etcd().address, call);
    const mine = await askJson(embedded?.address ?? '', call);
    expect([call, mine]).toEqual([call, theirs]);
    // In the same order, too.
    expect(JSON.stringify(mine)).toBe(JSON.stringify(theirs));
    return mine;
  };
  const all = async (calls: readonly JsonCall[]): Promise<JsonAnswer[]> => {
    const answers: JsonAnswer[] = [];
    for (const call of calls) answers.push(await both(call));
    return answers;
  };

  it.each<[string, JsonCall]>([
    ['health', { path: '/health' }],
    ['health of this member alone', { path: '/health?serializable=true' }],
    ['health is only read', { path: '/health', body: '' }],
    ['not even asked for', { path: '/health', method: 'HEAD' }],
    ['version', { path: '/version' }],
    ['version is only read', { path: '/version', body: '' }],
    ['readiness', { path: '/readyz' }],
    ['life', { path: '/livez' }],
    ['the root', { path: '/' }],
    ['what there is not', { path: '/nothing?a=b' }],
    ['the API of etcd 2', { path: '/v2/keys' }],
    ['a slash too much', { path: '/health/' }],
    ['another site that asks first', { path: '/v3/kv/range', method: 'OPTIONS' }],
  ])('%s', async (_, call) => {
    await both(call);
  });

  it('kv: put, range, delete, transactions, compaction', async () => {
    const [foo, bar] = [key('foo'), key('bar')];
    await all([
      post('kv/put', { key: foo, value: bar }),
      post('kv/put', { key: foo, value: bar, prevKv: true }),
      post('kv/put', { key: bar, prev_kv: true, ignore_value: true }),
      post('kv/put', {}),
      post('kv/range', { key: foo }),
      post('kv/range', { key: 'AA==', range_end: 'AA==', sort_order: 'DESCEND', sort_target: 'MOD', limit: '1' }),
      post('kv/range', { key: 'AA==', rangeEnd: 'AA==', keysOnly: true }),
      post('kv/range', { key: 'AA==', range_end: 'AA==', countOnly: true, serializable: true }),
      post('kv/range', { key: foo, revision: 100_000 }),
      post('kv/range', { key: foo, min_mod_revision: '100' }),
      { ...post('kv/range', { key: foo }), path: '/v3beta/kv/range' },
      post('kv/txn', {
        compare: [{ target: 'CREATE', key: foo, createRevision: '77' }],
        success: [{ requestPut: { key: foo, value: bar } }],
        failure: [
          { request_range: { key: foo } },
          { request_delete_range: { key: bar, prev_kv: true } },
          { request_txn: { success: [{ request_range: { key: foo } }, { requestPut: { key: key('n') } }] } },
        ],
      }),
      post('kv/txn', { compare: [{ target: 2, result: 3, key: foo, mod_revision: 0 }], success: [] }),
      post('kv/txn', {
        compare: [
          { target: 'VALUE', key: foo, value: bar },
          { target: 'VERSION', key: foo, version: 9 },
        ],
      }),
      post('kv/txn', {}),
      post('kv/txn', { success: [{}] }),
      post('kv/txn', { success: [{ requestPut: { key: foo } }, { requestPut: { key: foo } }] }),
      post('kv/deleterange', { key: foo, prev_kv: true }),
      post('kv/deleterange', { key: foo }),
      post('kv/compaction', { revision: '3' }),
      post('kv/compaction', { revision: 3 }),
      post('kv/range', { key: foo, revision: '2' }),
    ]);
  });

  it('leases, renewed over a stream', async () => {
    await all([
      post('lease/grant', { TTL: '100', ID: '77' }),
      post('lease/grant', { TTL: 100, ID: 77 }),
      post('lease/grant', { TTL: '99999999999' }),
      post('kv/put', { key: key('leased'), lease: '77' }),
      post('lease/timetolive', { ID: '77', keys: true }),
      post('kv/lease/timetolive', { ID: 77 }),
      post('lease/timetolive', { ID: '78' }),
      post('lease/leases', {}),
      post('kv/lease/leases', ''),
      post('lease/keepalive', { ID: '77' }),
      post('lease/keepalive', '{"ID":"77"} \n{"ID":"78"}{"ID":77}'),
      post('lease/keepalive', '{"ID":"77"}{bad'),
      post('lease/revoke', { ID: '77' }),
      post('kv/lease/revoke', { ID: '77' }),
      // As a number that no JavaScript number is.
      post('lease/grant', '{"TTL":100,"ID":7587899158764492630}'),
      post('lease/revoke', '{"ID":"7587899158764492630"}'),
      post('lease/revoke', '{"ID":7587899158764492631}'),
    ]);
  });

  it('watches: events of now and of before, cancelled, refused', async () => {
    const [watched, value] = [key('watched'), key('1')];
    const [first] = await all([post('kv/put', { key: watched, value })]);
    const { revision } = (first?.lines[0] as { header: { revision: string } }).header;
    await all([
      post('kv/put', { key: watched, value: key('2') }),
      post('kv/deleterange', { key: watched }),
      post('watch', { create_request: { key: watched, start_revision: revision, prev_kv: true } }, { lines: 2 }),
      post('watch', { createRequest: { key: watched, startRevision: revision, filters: ['NOPUT'] } }, { lines: 2 }),
      post('watch', { create_request: { key: watched, start_revision: '1' } }, { lines: 2 }),
      post('watch', '{"create_request":{"key":"YQ=="}}{"cancel_request":{"watch_id":"0"}}', { lines: 2 }),
      post('watch', '{"create_request":{"key":"YQ=="}}{"create_request":{"key":"Yg==","watch_id":"7"}}', { lines: 2 }),
      post('watch', { create_request: { key: 'YQ==' } }, { headers: { 'grpc-timeout': '300m' } }),
      post('watch', '', { headers: { 'grpc-timeout': '300m' } }),
      post('watch', '{bad', { headers: { 'grpc-timeout': '300m' } }),
    ]);
  });

  it('maintenance and members', async () => {
    await all([
      post('maintenance/status', {}),
      post('maintenance/alarm', {}),
      post('maintenance/alarm', { action: 'ACTIVATE', alarm: 'NOSPACE', memberID: '1' }),
      { path: '/health' },
      { path: '/health?exclude=NOSPACE' },
      { path: '/health?exclude=CORRUPT&exclude=NOSPACE' },
      { path: '/health?exclude=CORRUPT' },
      { path: '/readyz' },
      post('kv/put', { key: key('full') }),
      post('maintenance/alarm', { action: 2, alarm: 1, memberID: 1 }),
      post('maintenance/hash', {}),
      post('maintenance/hashkv', {}),
      post('maintenance/defragment', {}),
      post('maintenance/transfer-leadership', { targetID: '5' }),
      post('maintenance/downgrade', {}),
      post('cluster/member/remove', { ID: '5' }),
      post('cluster/member/promote', { ID: '5' }),
      post('cluster/member/update', { ID: '5' }),
    ]);
    const snapshot = await askJson(embedded?.address ?? '', post('maintenance/snapshot', {}));
    expect(snapshot).toMatchObject({ status: 200, lines: expect.arrayContaining([{ result: expect.any(Object) }]) });
  });

  it('locks and elections', async () => {
    await all([
      post('lock/lock', { name: key('lock') }),
      post('lock/lock', { name: key('lock') }, { headers: { 'grpc-timeout': '300m' } }),
      post('lock/unlock', { key: key('lock') }),
      post('election/leader', { name: key('vote') }),
      post('election/campaign', { name: key('vote'), value: key('me') }),
      post('election/leader', { name: key('vote') }),
      post('election/observe', { name: key('vote') }, { lines: 1 }),
      post('election/observe', '{"name":5}'),
      post('election/resign', {}),
      post('election/proclaim', { leader: { name: key('vote') } }),
    ]);
  });

  it('bodies in every form', async () => {
    await both(post('kv/put', { key: 'Zm9v', value: 'YmFy' }));
    const texts = [
      ...['', ' ', '{}', '{"key":"Zm9v"}{"key":"YQ=="}', '{"key":"Zm9v"} trailing', '{"key":"Zm9v","bogus":[{}]}'],
      ...['{"key":"Zm9v","limit":null}', '{"key":null}', '{"key":"Zm9v","limit":1e2}', '{"key":"Zm9v","limit":"1"}'],
      ...['{"key":"Zm9v","limit":100.0}', '{"key":"Zm9v","sort_order":"BOGUS"}', '{"key":"Zm9v","sort_order":7}'],
      ...['{"key":"Zm9v-_"}', '{"key":"Zm9"}', '{"key":"Zm8"}', '{"key":"\\u005am9v"}', '{"key":"Zm\\n9v"}'],
    ];
    await all(texts.map((text) => post('kv/range', text)));
  });

  it('bodies that are no message', async () => {
    const texts = [
      ...[
        '{"key":"Zm9',
        '{bad',
        ...['-x', '1.', '1.x', '{"limit":1e}'],
        '{"key" 5}',
        '{"key":5',
        '{"key":"Zm9v",}',
        '{"key":"Zm9v" 5',
        'nul',
        'nule',
        '-',
        '01',
      ],
      ...['[]', '5', 'null', '"text"', '{"key":"Zm9v","limit":1.5}', '{"key":"Zm9v","limit":"x"}', '{"key":"\u0001"}'],
      ...['{"key":"Zm9v","limit":"99999999999999999999"}', '{"key":"Zm9v","limit":true}', '{"key":"Zm9v","limit":{}}'],
      ...['{"key":"Zm9v","keys_only":"true"}', '{"key":"!!"}', '{"key":5}', '{"key":[]}', '{"key":"Zm9v","limit":[1]}'],
      ...['{"key":"Zm9v","key":"YQ=="}', '{"key":"AA==",\n "range_end":"AA==","rangeEnd":"AA=="}', '{"key":"\\x"}'],
      ...[
        '{"key":"Z"}',
        '{"key":"Zm9v=="}',
        '{"key":"+-"}',
        '{"key":"Zm9v","sort_order":true}',
        '{"key":"Zm9v","limit":" 1"}',
      ],
    ];
    for (const text of texts) {
      const call = post('kv/range', text);
      if (hasNewGateway) await both(call);
      else {
        const mine = await askJson(embedded?.address ?? '', call);
        expect([text, mine.status]).toEqual([text, 400]);
      }
    }
    const txn = ['{"success":{}}', '{"success":[null]}', '{"compare":[{"version":1,"lease":2}]}', '{"success":[5]}'];
    if (hasNewGateway) await all(txn.map((text) => post('kv/txn', text)));
  });

  it('paths and methods that there are not', async () => {
    const calls: JsonCall[] = [
      ...[{ path: '/v3/' }, { path: '/v3/kv/range' }, { path: '/v3/kv/range', method: 'PUT', body: '{}' }],
      ...[post('kv/nothing', {}), post('kv/range/', {}), post('kv/rangestream', {}), { path: '/v3/kv/nothing' }],
    ];
    if (hasNewGateway) await all(calls);
    else for (const call of calls) expect([404, 501]).toContain((await askJson(embedded?.address ?? '', call)).status);
  });

  it('requests that are too large', async () => {
    for (const size of [1_572_000, 1_600_000, 2_200_000])
      await both(post('kv/put', { key: key('big'), value: Buffer.alloc(size).toString('base64') })).then((answer) =>
        expect(answer.status).toBe(size === 1_572_000 ? 200 : size === 1_600_000 ? 400 : 429),
      );
  });

  it('limits that are none, have passed, or cannot be read', async () => {
    for (const limit of ['0m', '-1S'])
      await both(post('kv/range', { key: key('l') }, { headers: { 'grpc-timeout': limit } }));
    for (const limit of ['bad', '1', '5x'])
      await both(post('lock/lock', { name: key('l') }, { headers: { 'grpc-timeout': limit } }));
  });

  it('users, roles and tokens', async () => {
    const tokens = new Map<string, string>();
    await all([
      post('auth/status', {}),
      post('auth/enable', {}),
      post('auth/role/add', { name: 'r' }),
      post('auth/role/grant', { name: 'r', perm: { permType: 'READWRITE', key: 'YQ==', range_end: 'Yg==' } }),
      post('auth/role/get', { role: 'r' }),
      post('auth/role/get', { role: 'none' }),
      post('auth/role/list', {}),
      post('auth/user/add', { name: 'u', password: 'p' }),
      post('auth/user/add', { name: 'u', password: 'p' }),
      post('auth/user/grant', { user: 'u', role: 'r' }),
      post('auth/user/get', { name: 'u' }),
      post('auth/user/changepw', { name: 'u', password: 'q' }),
      post('auth/user/revoke', { name: 'u', role: 'none' }),
      post('auth/user/list', {}),
      post('auth/authenticate', { name: 'u', password: 'q' }),
      post('auth/user/add', { name: 'root', password: 'root' }),
      post('auth/role/add', { name: 'root' }),
      post('auth/user/grant', { user: 'root', role: 'root' }),
      post('auth/enable', {}),
      post('kv/range', { key: key('x') }),
      post('kv/range', { key: key('x') }, { headers: { authorization: 'none' } }),
      post('watch', { create_request: { key: key('x') } }, { lines: 1 }),
      post('auth/authenticate', { name: 'u', password: 'wrong' }),
      { path: '/health' },
    ]);
    const addresses = [etcd().address, embedded?.address ?? ''];
    for (const address of addresses)
      for (const [name, password] of [
        ['u', 'q'],
        ['root', 'root'],
      ]) {
        const response = await fetch(`http://${address}/v3/auth/authenticate`, {
          method: 'POST',
          body: JSON.stringify({ name, password }),
        });
        tokens.set(`${address} ${name ?? ''}`, ((await response.json()) as { token: string }).token);
      }
    const as = async (name: string, call: JsonCall, header: string): Promise<JsonAnswer> => {
      const [theirs, mine] = await Promise.all(
        addresses.map((address) =>
          askJson(address, { ...call, headers: { [header]: tokens.get(`${address} ${name}`) ?? '' } }),
        ),
      );
      expect([call, mine]).toEqual([call, theirs]);
      return mine ?? { status: undefined, type: undefined, lines: [] };
    };
    expect((await as('u', post('kv/put', { key: 'YQ==' }), 'authorization')).status).toBe(200);
    expect((await as('u', post('kv/put', { key: 'YQ==' }), 'grpc-metadata-token')).status).toBe(200);
    expect((await as('u', post('kv/put', { key: 'YQ==' }), 'token')).status).toBe(400);
    expect((await as('u', post('kv/put', { key: 'eA==' }), 'authorization')).status).toBe(403);
    expect((await as('root', post('auth/disable', {}), 'authorization')).status).toBe(200);
  });

  // The last one: so many puts as it takes, which may be others on either.
  it('a watch goes on: what happens later is a line of its own', async () => {
    const watched = key('watched');
    const seen = [etcd().address, embedded?.address ?? ''].map(async (address) => {
      const answer = askJson(address, post('watch', { create_request: { key: watched } }, { lines: 2 }));
      let isSeen = false;
      void answer.finally(() => (isSeen = true));
      // Until the watch has seen one: it may not be there yet at the first.
      while (!isSeen) await askJson(address, post('kv/put', { key: watched, value: key('live') }));
      return (await answer).lines.map((line) => Object.keys((line as { result: object }).result));
    });
    expect(await seen[1]).toEqual([
      ['header', 'created'],
      ['header', 'events'],
    ]);
    expect(await seen[1]).toEqual(await seen[0]);
  });
});
