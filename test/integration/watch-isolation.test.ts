/** A watch that makes its stream end, on a real etcd, over both transports: it alone ends; the others lose and double nothing. */
import { connect, put, type WatchEnd } from 'etcd-vigil';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const INNOCENT = 40;

interface Culprit {
  readonly name: string;
  readonly range: { readonly key: string } | { readonly prefix: string };
  readonly options: { readonly fragment?: boolean };
  /** How many events it has before it makes its stream end. */
  readonly before: number;
  readonly code: string;
  /** Where the others watch. */
  readonly small: string;
}

const culprits: readonly Culprit[] = [
  {
    name: 'an answer that may not be split',
    range: { prefix: 'big/many/' },
    options: { fragment: false },
    before: 1,
    code: 'message-too-large',
    small: 'small-0',
  },
  {
    name: 'one event larger than maxMessageBytes',
    range: { prefix: 'big/one/' },
    options: {},
    before: 1,
    code: 'message-too-large',
    small: 'small-1',
  },
  {
    name: 'a create larger than the server takes',
    range: { key: 'k'.repeat(3 << 20) },
    options: {},
    before: 0,
    code: 'message-too-large',
    small: 'small-2',
  },
];

describe.each(['http2', 'grpc-js'] as const)('over %s, a watch that makes its stream end', (transport) => {
  const server = suiteEtcd();

  test.each(culprits)(
    'by $name ends alone, coded, with its last delivered revision',
    { timeout: 120_000 },
    async ({ range, options, before, code, small }) => {
      await using etcd = await connect({
        endpoints: server().endpoint,
        shards: 1,
        transport,
        maxMessageBytes: 256 * 1024,
      });
      const written = new Map<string, bigint[]>();
      const seen = new Map<bigint, bigint[]>();
      const ends = new Map<bigint, WatchEnd>();
      const group = etcd.watchGroup({
        onBatch: (batch) => {
          for (const part of batch) {
            const revisions = seen.get(part.watchId) ?? [];
            seen.set(part.watchId, revisions);
            for (const event of part.events) revisions.push(event.modRevision);
          }
        },
        onEnd: (member, end) => void ends.set(member.watchId, end),
      });
      for (let index = 1; index <= INNOCENT; index += 1) {
        group.add({ prefix: `${small}/${String(index)}/` }, { watchId: BigInt(index) });
      }
      await group.ready();
      const writeSmall = async (): Promise<void> => {
        for (let index = 1; index <= INNOCENT; index += 1) {
          const prefix = `${small}/${String(index)}/`;
          const { header } = await etcd.kv.put(`${prefix}key`, 'x');
          written.set(prefix, [...(written.get(prefix) ?? []), header.revision]);
        }
      };
      const culprit = group.add(range, { watchId: 1000n, ...options });
      let last: bigint | undefined;
      if (before > 0) {
        await culprit.ready;
        const first = await etcd.kv.put('big/one/first', 'x');
        const second = await etcd.kv.put('big/many/first', 'x');
        last = 'prefix' in range && range.prefix === 'big/one/' ? first.header.revision : second.header.revision;
        await eventually(() => seen.get(1000n)?.length === before, { timeoutMs: 60_000, what: 'its first event' });
      }
      await writeSmall();
      const large = Array.from({ length: 60 }, (_, index) => put(`big/many/${String(index)}`, 'x'.repeat(10_000)));
      await etcd.kv
        .txn()
        .then(...large)
        .commit();
      await etcd.kv.put('big/one/large', 'x'.repeat(600_000));
      await writeSmall();
      await eventually(() => ends.has(1000n), { timeoutMs: 60_000, what: 'the end of the culprit' });
      await writeSmall();
      const isComplete = (): boolean => {
        for (let index = 1; index <= INNOCENT; index += 1) {
          if ((seen.get(BigInt(index))?.length ?? 0) < 3) return false;
        }
        return true;
      };
      await eventually(isComplete, { timeoutMs: 60_000, what: 'the events of all others' });
      const end = ends.get(1000n);
      expect(end).toMatchObject({ reason: 'failed', error: { code } });
      expect(seen.get(1000n) ?? []).toHaveLength(before);
      if (last === undefined) expect(end?.lastRevision).toBeUndefined();
      else expect(end?.lastRevision).toBeGreaterThanOrEqual(last);
      expect(Array.from(ends.keys())).toEqual([1000n]);
      for (let index = 1; index <= INNOCENT; index += 1) {
        expect(seen.get(BigInt(index))).toEqual(written.get(`${small}/${String(index)}/`));
      }
    },
  );
});
