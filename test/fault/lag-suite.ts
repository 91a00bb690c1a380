/** The suite of consumers that do not read, for as long and under as much load as the caller says. */
import { connect, type Etcd } from 'etcd-vigil';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { pausedMember, slowReader, unreadWatch, type LagBench } from './lag-scenarios.js';

export interface LagLoad extends Pick<LagBench, 'unreadMs' | 'writesPerSecond'> {
  readonly shards: number;
}

export function describeLag(title: string, { shards, unreadMs, writesPerSecond }: LagLoad): void {
  describe(title, () => {
    const server = suiteEtcd();
    let raw: RawEtcd;
    let etcd: Etcd;
    beforeEach(async () => {
      raw = new RawEtcd(server().address);
      etcd = await connect({ endpoints: server().endpoint, shards });
    });
    afterEach(async () => {
      await etcd.close();
      raw.close();
    });
    const bench = (prefix: string): LagBench => ({
      unreadMs,
      writesPerSecond,
      address: server().address,
      raw,
      etcd,
      prefix,
    });

    it('a paused member of a group delays nobody and has every event when it goes on', () =>
      pausedMember(bench('pause/')));

    it('a watch that nobody iterates delays nobody and has every event when it is read', () =>
      unreadWatch(bench('unread/')));

    it('a reader slower than the load is detached and replayed, and gets everything once', () =>
      slowReader(bench('slow/')));
  });
}
