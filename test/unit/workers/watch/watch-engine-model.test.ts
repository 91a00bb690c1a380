import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WatchSpec } from '../../../../src/wire/contract.js';
import { EtcdError, type EtcdErrorCode } from '../../../../src/wire/errors.js';
import { FakeWatchServer } from '../../../support/fake-watch-server.js';
import {
  FakeWatchStore,
  type StoreEvent,
  type StoreRange,
  type StoreWrite,
} from '../../../support/fake-watch-store.js';
import { Rng, seeds } from '../../../support/rng.js';
import { WatchEngineRig, type SeenEvent, type SeenWatch } from '../../../support/watch-engine-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

const ROUNDS = Number(process.env['MODEL_ROUNDS'] ?? 4);
const STEPS = 1500;
/** Watches that begin at this key make their stream end, in runs where that is drawn. */
const POISON_KEY = 'c';
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Random load on a store, random faults on its members, and random commands to a shard that watches it. */
class ModelRun {
  readonly rng: Rng;
  readonly server: FakeWatchServer;
  readonly rig: WatchEngineRig;
  readonly detached = new Set<number>();
  readonly gone = new Set<number>();
  /** What had been acknowledged to the application when a watch from now on was asked for. */
  readonly acknowledged = new Map<number, number>();
  readonly poison: { readonly at: 'create' | 'events'; readonly code: EtcdErrorCode } | undefined;
  #isPoisonous = false;
  #lastWatch = 0;

  constructor(seed: number) {
    this.rng = new Rng(seed);
    const { rng } = this;
    const store = new FakeWatchStore();
    for (let count = rng.integer(0, 1600); count > 0; count -= 1) this.write(store);
    this.server = new FakeWatchServer({
      seed,
      store,
      members: rng.integer(1, 3),
      ignoresIds: rng.chance(0.15),
      version: rng.chance(0.15) ? '3.4.10' : '3.5.16',
      channelCapacity: rng.integer(2, 20),
      revisionsPerSync: rng.integer(1, 200),
      eventsPerFragment: rng.integer(1, 4),
    });
    this.rig = new WatchEngineRig(this.server, {
      creditBytes: rng.pick([1 << 20, 3000]),
      flushEvents: rng.pick([1, 20, 1000]),
    });
    this.poison = rng.pick([
      undefined,
      undefined,
      { at: 'create', code: 'server-error' },
      { at: 'events', code: 'message-too-large' },
    ] as const);
    for (const member of this.server.members) {
      member.poison = (key, at) =>
        this.#isPoisonous && key === POISON_KEY && at === this.poison?.at
          ? new EtcdError('ended because of one watch', { code: this.poison.code })
          : undefined;
    }
    this.rig.onBookmark = (seen, next) => this.checkComplete(seen, next);
  }

  async run(): Promise<void> {
    const { rng, server } = this;
    for (let count = rng.integer(1, 12); count > 0; count -= 1) this.#watch();
    const poisonousFrom = rng.integer(0, STEPS);
    for (let step = 0; step < STEPS; step += 1) {
      this.#isPoisonous ||= step >= poisonousFrom;
      if (rng.chance(0.8)) server.step();
      else this.#disturb();
      await this.rig.advance(rng.chance(0.05) ? rng.integer(1, 300) : 0);
    }
    await this.settle();
    this.check();
  }

  write(store: FakeWatchStore): void {
    const { rng } = this;
    const letters = rng.shuffled(KEYS).slice(0, rng.chance(0.3) ? rng.integer(2, 6) : 1);
    const writes = letters.map((key): StoreWrite => {
      if (rng.chance(0.25)) return { delete: key };
      return { put: key, lease: rng.chance(0.1) ? 2n ** 62n + 1n : 0n };
    });
    store.write(...writes);
  }

  /** What main is told to have been delivered must have been. */
  checkComplete(seen: SeenWatch, nextRevision: number): void {
    const expected = this.#expected(seen, nextRevision - 1);
    // From «now» on, the revision told at creation may have been written just before it: a watch may or may not see it.
    const first = seen.startRevision + (seen.spec.startRevision === 0 ? 1 : 0);
    const delivered = seen.events.filter(({ modRevision }) => modRevision >= first && modRevision < nextRevision);
    expect(delivered.map(nameOf), `watch ${seen.spec.watch} before ${nextRevision}`).toEqual(expected.map(nameOf));
  }

  check(): void {
    for (const seen of this.rig.seen.values()) {
      const { watch } = seen.spec;
      const label = `watch ${watch}`;
      if (seen.ended !== undefined) {
        const { error } = seen.ended;
        if (error === undefined) expect(this.gone.has(watch), label).toBe(true);
        else expect(this.#mayEndBy(seen.spec), label).toContain(error.code);
      }
      const before = this.acknowledged.get(watch) ?? 0;
      expect(
        seen.events.filter(({ modRevision }) => modRevision <= before),
        `${label}: what was acknowledged before it`,
      ).toEqual([]);
      const isCurrent = seen.ended === undefined && !this.detached.has(watch);
      if (isCurrent) expect(seen.createdCount, label).toBe(1);
      // One that ended or is detached has a beginning of the history; the others have all of it.
      this.checkComplete(seen, isCurrent ? this.server.store.revision + 1 : seen.lastRevision + 1);
      for (const [index, { modRevision }] of seen.events.entries()) {
        if (seen.events[index - 1]?.modRevision !== modRevision) continue;
        expect(seen.segments[index], `${label}: revision ${modRevision} in one piece`).toBe(seen.segments[index - 1]);
      }
    }
  }

  #mayEndBy({ key }: WatchSpec): EtcdErrorCode[] {
    const isPoisoned = this.poison !== undefined && Buffer.from(key).toString('latin1') === POISON_KEY;
    return isPoisoned ? ['compacted', this.poison.code] : ['compacted'];
  }

  /** No more faults: everything that is still watched catches up. */
  async settle(): Promise<void> {
    const { rig, server } = this;
    for (const member of server.members) member.isDown = false;
    const deadline = 40_000;
    for (let round = 0; round < deadline; round += 1) {
      const moved = server.step();
      if (rig.owedBytes > 0) rig.credit();
      await rig.advance(moved ? 0 : 50);
      if (!moved && round % 5 === 0 && this.#isSettled()) return;
    }
    const stuck = [...rig.seen.values()].filter((seen) => !this.#isCurrent(seen));
    const names = stuck.map(({ spec, lastRevision, startRevision }) => ({
      watch: spec.watch,
      startRevision,
      lastRevision,
    }));
    throw new Error(
      `it does not settle: ${JSON.stringify({ names, ...rig.engine.counts(), steps: server.steps().length })}`,
    );
  }

  #isSettled(): boolean {
    const { waiting } = this.rig.engine.counts();
    if (waiting > 0 || this.server.steps().length > 0) return false;
    return [...this.rig.seen.values()].every((seen) => this.#isCurrent(seen));
  }

  #isCurrent(seen: SeenWatch): boolean {
    if (seen.ended !== undefined || this.detached.has(seen.spec.watch)) return true;
    if (seen.createdCount === 0) return false;
    const last = this.#expected(seen, this.server.store.revision).at(-1);
    return last === undefined || seen.lastRevision >= last.modRevision;
  }

  #expected({ spec, startRevision }: SeenWatch, through: number): StoreEvent[] {
    if (startRevision === 0) return [];
    const first = startRevision + (spec.startRevision === 0 ? 1 : 0);
    const history = this.server.store.history(rangeOf(spec), first, through);
    return history.filter(({ type }) => !(type === 'put' ? spec.noPut : spec.noDelete));
  }

  #disturb(): void {
    const { rng, server, rig } = this;
    const connections = server.connections();
    const streams = server.streams();
    switch (rng.integer(0, 17)) {
      case 0:
        return this.#watch();
      case 1:
        if (connections.length > 0 && rng.chance(0.4)) rng.pick(connections).cut();
        return;
      case 2:
        if (streams.length > 0 && rng.chance(0.4)) rng.pick(streams).cut();
        return;
      case 3:
        if (connections.length > 0 && rng.chance(0.4)) rng.pick(connections).goaway();
        return;
      case 4: {
        const { store } = server;
        if (rng.chance(0.15)) store.compact(store.revision - rng.integer(0, 30));
        return;
      }
      case 5:
        if (rng.chance(0.2)) {
          const endpoints = server.endpoints.filter(() => rng.chance(0.6));
          if (endpoints.length > 0) rig.context.settings = { ...rig.context.settings, endpoints };
          rig.engine.settingsChanged(rng.integer(0, 2));
        }
        return;
      case 6: {
        const watch = rng.integer(1, this.#lastWatch);
        this.detached.add(watch);
        return rig.engine.detach([watch]);
      }
      case 7:
      case 8: {
        const watches = [...this.detached];
        if (watches.length === 0) return;
        const watch = rng.pick(watches);
        this.detached.delete(watch);
        return rig.engine.attach([watch]);
      }
      case 9: {
        if (rng.chance(0.7)) return;
        const watch = rng.integer(1, this.#lastWatch);
        this.gone.add(watch);
        this.detached.delete(watch);
        return rig.engine.unwatch([watch]);
      }
      case 10:
        return rig.credit();
      case 11:
        for (const stream of streams) stream.timedProgress();
        return;
      case 12:
        return rig.engine.requestProgress(1, rng.integer(1, this.#lastWatch), 5000);
      case 13:
        rng.pick(server.members).isDown = rng.chance(0.2);
        return;
      default:
        for (let count = rng.integer(1, 3); count > 0; count -= 1) this.write(server.store);
    }
  }

  #watch(): void {
    const { rng, server } = this;
    this.#lastWatch += 1;
    const { revision } = server.store;
    const startRevision = rng.pick([0, 0, 1, revision, revision + 1, revision + 5, rng.integer(1, revision)]);
    const flags = { prevKv: rng.chance(0.3), noPut: rng.chance(0.1), noDelete: rng.chance(0.1) };
    const rangeEnd = rng.pick([undefined, 'd', 'h', '\0']);
    const spec = watchSpec({
      ...flags,
      watch: this.#lastWatch,
      key: rng.pick(['a', 'b', 'c']),
      rangeEnd,
      startRevision,
      progressNotify: rng.chance(0.4),
      fragment: rng.chance(0.8),
    });
    const { store } = server;
    if (rng.chance(0.4)) {
      // An answer to a call of the application, from whatever member.
      const { revision: told } = this.rig.known ?? { revision: 0 };
      const { applied } = rng.pick(server.members);
      this.rig.known = { clusterId: store.clusterId, revision: Math.max(told, rng.pick([store.revision, applied])) };
    }
    if (startRevision === 0) this.acknowledged.set(this.#lastWatch, this.rig.known?.revision ?? 0);
    this.rig.watch(spec);
  }
}

function rangeOf(spec: WatchSpec): StoreRange {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  return { key: text(spec.key), rangeEnd: spec.rangeEnd && text(spec.rangeEnd) };
}

function nameOf(event: StoreEvent | SeenEvent): string {
  return `${event.type} ${event.key}=${event.value} at ${event.modRevision}`;
}

describe('whatever happens to its streams, a watch delivers the history from its start, each event once, whole revisions', () => {
  for (const seed of seeds()) {
    for (let round = 0; round < ROUNDS; round += 1) {
      it(`seed ${seed}, round ${round}`, async () => {
        const run = new ModelRun(seed * 1000 + round);
        try {
          await run.run();
        } finally {
          run.rig.engine.close();
          run.rig.batcher.close();
        }
      });
    }
  }
});
