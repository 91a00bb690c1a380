/** A watch that makes its stream end: it alone ends, and the others lose nothing. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EtcdError, type EtcdErrorCode } from '../../../../src/wire/errors.js';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failure = (code: EtcdErrorCode): EtcdError => new EtcdError('ended because of one watch', { code });

interface Poison {
  readonly name: string;
  readonly at: 'create' | 'events';
  readonly what: EtcdError | Uint8Array;
  readonly code: EtcdErrorCode;
}

const poisons: readonly Poison[] = [
  {
    name: 'an answer larger than allowed',
    at: 'events',
    what: failure('message-too-large'),
    code: 'message-too-large',
  },
  { name: 'an answer that is no protobuf', at: 'events', what: Uint8Array.of(0xff, 0xff), code: 'malformed-response' },
  {
    name: 'an answer in a frame that is not gRPC',
    at: 'events',
    what: failure('protocol-error'),
    code: 'protocol-error',
  },
  {
    name: 'a create larger than the server takes',
    at: 'create',
    what: failure('message-too-large'),
    code: 'message-too-large',
  },
  { name: 'a create at which the server fails', at: 'create', what: failure('server-error'), code: 'server-error' },
  {
    name: 'a create at which the server refuses the stream',
    at: 'create',
    what: failure('permission-denied'),
    code: 'permission-denied',
  },
  {
    name: 'a create at which the server resets the stream',
    at: 'create',
    what: failure('unavailable'),
    code: 'unavailable',
  },
];

/** `count` watches of a key each, `w1`, `w2` and so on; those in `bad` are poison. */
class Run extends SettlingRig {
  readonly bad: ReadonlySet<number>;
  isArmed = false;

  constructor(poison: Poison, bad: readonly number[], options: ConstructorParameters<typeof SettlingRig>[0] = {}) {
    super(options);
    this.bad = new Set(bad);
    for (const member of this.server.members) {
      member.poison = (key, at) =>
        this.isArmed && at === poison.at && this.bad.has(Number(key.slice(1))) ? poison.what : undefined;
    }
  }

  /** Writes each key once, from the first to the last. */
  writeAll(count: number): void {
    for (let watch = 1; watch <= count; watch += 1) this.server.store.write({ put: `w${String(watch)}` });
  }

  expectOthersComplete(count: number): void {
    for (let watch = 1; watch <= count; watch += 1) {
      if (this.bad.has(watch)) continue;
      const { store } = this.server;
      const expected = store.history({ key: `w${String(watch)}`, rangeEnd: undefined }, 1);
      expect(this.get(watch).ended, `watch ${String(watch)}`).toBeUndefined();
      expect(this.revisions(watch), `watch ${String(watch)}`).toEqual(expected.map(({ modRevision }) => modRevision));
    }
  }
}

describe.each(poisons)('a watch that makes its stream end by $name', (poison) => {
  it.each([
    { count: 2, bad: [1], members: 1 },
    { count: 2, bad: [2], members: 3 },
    { count: 100, bad: [37], members: 3 },
    { count: 300, bad: [1, 150, 151, 299], members: 1 },
  ])(
    '$bad.length of $count on $members members end alone, with that code and after what was delivered before',
    async ({ count, bad, members }) => {
      const run = new Run(poison, bad, { members });
      const specs = Array.from({ length: count }, (_, index) =>
        watchSpec({ watch: index + 1, key: `w${String(index + 1)}` }),
      );
      run.watch(...specs);
      await run.settle(500);
      run.writeAll(count);
      await run.settle(100);
      run.isArmed = true;
      run.writeAll(count);
      if (poison.at === 'create') for (const stream of run.server.streams()) stream.cut();
      await run.settle(8000);
      run.writeAll(count);
      await run.settle(20_000);
      for (const watch of bad) {
        expect(run.get(watch).ended?.error, `watch ${String(watch)}`).toMatchObject({ code: poison.code });
        // A create is broken when the second write may have come or not.
        if (poison.at === 'events') expect(run.revisions(watch)).toEqual([watch + 1]);
      }
      run.expectOthersComplete(count);
      // Some streams for each halving, and some attempts for each of the culprits.
      expect(run.connects).toBeLessThan(20 + bad.length * (4 * Math.ceil(Math.log2(count)) + 12));
      // All the others are back on one stream.
      await run.settle(60_000);
      expect(run.server.streams().map(({ watcherCount }) => watcherCount)).toEqual(
        count === bad.length ? [] : [count - bad.length],
      );
      expect(run.engine.counts()).toMatchObject({ live: count - bad.length, catchUp: 0, waiting: 0 });
    },
    60_000,
  );
});

describe('a watch that makes its stream end', () => {
  const [tooLarge] = poisons as readonly [Poison];

  it('while it and others replay a long history ends alone; the others replay it all', async () => {
    const run = new Run(tooLarge, [7], { store: storeWith(3000), revisionsPerSync: 100 });
    run.writeAll(40);
    run.isArmed = true;
    run.watch(
      ...Array.from({ length: 40 }, (_, index) =>
        watchSpec({ watch: index + 1, key: `w${String(index + 1)}`, startRevision: 5 }),
      ),
    );
    await run.settle(20_000);
    run.writeAll(40);
    await run.settle(20_000);
    expect(run.get(7).ended?.error).toMatchObject({ code: 'message-too-large' });
    run.expectOthersComplete(40);
  });

  it('late each time is kept apart for longer each time, and hinders the others less and less', async () => {
    const run = new Run(tooLarge, []);
    run.watch(
      ...Array.from({ length: 20 }, (_, index) => watchSpec({ watch: index + 1, key: `w${String(index + 1)}` })),
    );
    await run.settle(500);
    let losses = 0;
    for (let second = 0; second < 600; second += 6) {
      // Whatever stream the third watch is on ends six seconds after it came there.
      const { state } = [...run.engine.lanes.all]
        .flatMap((lane) => [...(lane.stream?.entries() ?? [])])
        .find(({ spec }) => spec.watch === 3) ?? { state: { at: 'waiting' } };
      if (state.at === 'active') {
        const isTogether = run.server.streams().some(({ watcherCount }) => watcherCount === 20);
        if (isTogether) losses += 1;
        for (const stream of run.server.streams()) {
          if (stream.watcherCount === 20 || stream.watches('w3')) stream.cut(failure('message-too-large'));
        }
      }
      await run.settle(6000);
    }
    expect(losses).toBeLessThan(15);
    run.writeAll(20);
    await run.settle(400_000);
    run.expectOthersComplete(20);
  });

  it('in bytes that are its own, a part of a revision first, is given up like one that breaks at once', async () => {
    const run = new SettlingRig({ eventsPerFragment: 1 });
    let breaks = 0;
    for (const member of run.server.members) {
      member.poison = (key, at) => {
        if (key !== 'w1' || at !== 'events') return undefined;
        breaks += 1;
        return undefined;
      };
      member.breaksSecondFragment = (key) => key === 'w1';
    }
    run.watch(
      watchSpec({ watch: 1, key: 'w1', rangeEnd: 'w2', fragment: true }),
      watchSpec({ watch: 2, key: 'w2', fragment: true }),
    );
    await run.settle(500);
    run.server.store.write({ put: 'w1a' }, { put: 'w1b' }, { put: 'w2' });
    await run.settle(10_000);
    expect(breaks).toBeLessThan(20);
    expect(run.get(1).ended?.error).toMatchObject({ code: 'malformed-response' });
    expect(run.get(2).ended).toBeUndefined();
    expect(run.revisions(2)).toEqual([2]);
  });
});

describe('a watch with a revision larger than maxRevisionBytes', () => {
  it('ends alone; its stream lives on', async () => {
    const run = new SettlingRig({ eventsPerFragment: 2 }, { maxRevisionBytes: 2000 });
    run.watch(
      watchSpec({ watch: 1, key: 'a', rangeEnd: 'b', fragment: true }),
      watchSpec({ watch: 2, key: 'b', fragment: true }),
    );
    await run.settle(500);
    run.server.store.write({ put: 'a' }, { put: 'b' });
    run.server.store.write(...Array.from({ length: 20 }, (_, index) => ({ put: `a${index}`, value: 'x'.repeat(500) })));
    run.server.store.write({ put: 'b' });
    await run.settle(5000);
    expect(run.get(1).ended?.error).toMatchObject({ code: 'revision-too-large' });
    expect(run.revisions(1)).toEqual([2]);
    expect(run.revisions(2)).toEqual([2, 4]);
    expect(run.connects).toBe(1);
  });
});

describe('many culprits among few others', () => {
  it('end one by one, and none of the others does', async () => {
    const bad = Array.from({ length: 60 }, (_, index) => index + 1);
    const run = new Run(poisons[0] as Poison, bad);
    run.watch(...Array.from({ length: 64 }, (_, index) => watchSpec({ watch: index + 1, key: `w${index + 1}` })));
    await run.settle(500);
    run.isArmed = true;
    run.writeAll(64);
    await run.settle(60_000);
    for (const watch of bad) expect(run.get(watch).ended?.error).toMatchObject({ code: 'message-too-large' });
    run.expectOthersComplete(64);
  });
});

describe('many culprits in a row that no watch is created between', () => {
  it.each([
    { bad: 24, before: 1, after: 1 },
    { bad: 40, before: 0, after: 6 },
    { bad: 17, before: 100, after: 50 },
  ])('$bad end alone; $before before and $after behind them go on', async ({ bad, before, after }) => {
    for (const poison of poisons.filter(({ at }) => at === 'create')) {
      const count = before + bad + after;
      const run = new Run(
        poison,
        Array.from({ length: bad }, (_, index) => before + index + 1),
      );
      run.isArmed = true;
      run.watch(...Array.from({ length: count }, (_, index) => watchSpec({ watch: index + 1, key: `w${index + 1}` })));
      for (let round = 0; [...run.bad].some((watch) => run.get(watch).ended === undefined); round += 1) {
        expect(round).toBeLessThan(60);
        await run.settle(5000);
      }
      await run.settle(10_000);
      run.writeAll(count);
      await run.settle(1000);
      for (const watch of run.bad) expect(run.get(watch).ended?.error).toMatchObject({ code: poison.code });
      run.expectOthersComplete(count);
    }
  });
});

describe('a server that fails for every watch', () => {
  it.each([
    // Sixteen at a time, until the first have failed for ten seconds.
    { at: 'create', most: 400 },
    // Each is created, so each is tried: the server may be fine for another one.
    { at: 'events', most: 1500 },
  ] as const)('at $at has all of them end, after a bounded number of attempts', async ({ at, most }) => {
    const all = Array.from({ length: 100 }, (_, index) => index + 1);
    const run = new Run({ name: '', at, what: failure('server-error'), code: 'server-error' }, all);
    run.isArmed = true;
    run.watch(...all.map((watch) => watchSpec({ watch, key: `w${String(watch)}` })));
    await run.settle(1000);
    run.writeAll(100);
    await run.settle(120_000);
    for (const watch of all) expect(run.get(watch).ended?.error).toMatchObject({ code: 'server-error' });
    expect(run.connects).toBeLessThan(most);
    expect(run.server.connections()).toEqual([]);
  });

  it('in passing has none of them end', async () => {
    const run = new SettlingRig({ members: 2 });
    const all = Array.from({ length: 50 }, (_, index) => index + 1);
    run.watch(...all.map((watch) => watchSpec({ watch, key: `w${String(watch)}` })));
    for (let round = 0; round < 60; round += 1) {
      const streams = run.server.streams();
      if (streams.length > 0) run.server.rng.pick(streams).cut(failure('unavailable'));
      run.server.store.write({ put: `w${String(1 + (round % 50))}` });
      for (let step = 0; step < 200; step += 1) run.server.step();
      await run.advance(20);
    }
    await run.settle(60_000);
    for (const watch of all) {
      expect(run.get(watch).ended).toBeUndefined();
      const expected = run.server.store.history({ key: `w${String(watch)}`, rangeEnd: undefined }, 1);
      const seen = run.revisions(watch);
      // From now on, whenever that was for a watch that had not been created yet.
      expect(expected.map(({ modRevision }) => modRevision).slice(-seen.length || Infinity)).toEqual(seen);
    }
    expect(run.engine.counts()).toMatchObject({ live: 50, waiting: 0 });
  });
});

describe('watches from a future revision', () => {
  it('that are attached again by the hundred leave room for the replays of others', async () => {
    const run = new SettlingRig({ store: storeWith(100), channelCapacity: 5000 });
    const future = Array.from({ length: 200 }, (_, index) => index + 1);
    run.watch(...future.map((watch) => watchSpec({ watch, startRevision: 1000 })));
    run.watch(...[201, 202, 203].map((watch) => watchSpec({ watch, startRevision: 100 })));
    await run.settle(1000);
    run.engine.detach([...future, 201, 202, 203]);
    await run.settle(500);
    run.server.store.write({ put: 'k' });
    run.engine.attach([...future, 201, 202, 203]);
    await run.settle(5000);
    for (const watch of [201, 202, 203]) expect(run.revisions(watch)).toEqual([100, 101]);
    expect(run.engine.counts()).toMatchObject({ waiting: 0, detached: 0 });
    while (run.server.store.revision < 1001) run.server.store.write({ put: 'k' });
    await run.settle(20_000);
    for (const watch of future) expect(run.revisions(watch)).toEqual([1000, 1001]);
  });

  it('and watches that have caught up while no live stream can be opened leave room for the replays of others', async () => {
    const run = new SettlingRig({ store: storeWith(100), channelCapacity: 5000 });
    const all = Array.from({ length: 150 }, (_, index) => index + 1);
    run.watch(...all.map((watch) => watchSpec({ watch, startRevision: 100 })));
    await run.settle(2000);
    run.engine.detach(all);
    await run.settle(1000);
    run.server.store.write({ put: 'k' });
    // From now on only the lane that replays is served.
    let isFirst = true;
    const { open } = run.server;
    vi.spyOn(run.context, 'openConnection').mockImplementation((endpoint, settings, handlers) => {
      const connection = open(endpoint, settings, handlers);
      if (!isFirst) connection.close();
      isFirst = false;
      return connection;
    });
    run.engine.attach(all);
    await run.settle(10_000);
    for (const watch of all) expect(run.revisions(watch).at(-1)).toBe(101);
  });
});
