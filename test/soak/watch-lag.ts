/** Consumers that do not read for a minute under load. */
import { connect, type Etcd } from 'etcd-vigil';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { pausedMember, slowReader, unreadWatch } from '../fault/lag-scenarios.js';

const LOAD = { unreadMs: 60_000, writesPerSecond: 1_000 };

describe('under load for a minute', () => {
  const server = suiteEtcd();
  let raw: RawEtcd;
  let etcd: Etcd;
  beforeEach(async () => {
    raw = new RawEtcd(server().address);
    etcd = await connect({ endpoints: server().endpoint, shards: 2 });
  });
  afterEach(async () => {
    await etcd.close();
    raw.close();
  });
  const bench = (prefix: string) => ({ ...LOAD, address: server().address, raw, etcd, prefix });

  it('a paused member of a group delays nobody and has every event when it goes on', () =>
    pausedMember(bench('pause/')));

  it('a watch that nobody iterates delays nobody and has every event when it is read', () =>
    unreadWatch(bench('unread/')));

  it('a reader slower than the load is detached and replayed, and gets everything once', () =>
    slowReader(bench('slow/')));
});
