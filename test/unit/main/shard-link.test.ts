import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import type { LinkOwner } from '../../../src/main/link-owner.js';
import { ShardLink } from '../../../src/main/shard-link.js';
import type { ShardInit, ShardReport } from '../../../src/wire/contract.js';
import { eventually } from '../../support/poll.js';
import { batchBytes, puts } from './watch/batches.js';

/** A shard made of its port and its promise only. */
class FakeShard {
  readonly init: ShardInit;
  readonly port: MessagePort;
  readonly mainPort: MessagePort;
  readonly commands: { readonly kind: string; readonly [field: string]: unknown }[] = [];
  readonly ended: Promise<unknown>;
  end: (cause?: unknown) => void = () => undefined;

  constructor(init: ShardInit) {
    const { port1, port2 } = new MessageChannel();
    this.init = init;
    this.mainPort = port1;
    this.port = port2;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    port2.on('message', (command: (typeof this.commands)[number]) => this.commands.push(command));
  }

  report(...reports: ShardReport[]): void {
    for (const report of reports) this.port.postMessage(report);
  }

  /** As a thread that dies: its port closes after what it had posted. */
  crash(cause: unknown = new Error('boom')): void {
    this.port.close();
    this.end(cause);
  }
}

const opened: FakeShard[] = [];
afterEach(() => {
  for (const shard of opened.splice(0)) {
    shard.port.close();
    shard.mainPort.close();
  }
});

function setup(
  now: () => number = () => performance.now(),
  resume: LinkOwner['resume'] = () => [{ kind: 'unwatch', watches: [1] }],
  startLimitMs?: number,
): {
  link: ShardLink;
  shards: FakeShard[];
  told: unknown[][];
} {
  const shards: FakeShard[] = [];
  const told: unknown[][] = [];
  const owner: LinkOwner = {
    batch: (data) => told.push(['batch', Array.from(data.modRevision)]),
    report: (report) => told.push([report.kind]),
    status: (status) => told.push(['status', status.type]),
    store: () => undefined,
    brought: () => undefined,
    ready: (epoch) => told.push(['ready', epoch]),
    resume,
    replaced: (epoch, cause) => told.push(['replaced', epoch, cause.message]),
    failed: (error) => told.push(['failed', error.code, error.message]),
  };
  const limits = { creditBytes: 8_000, maxRevisionBytes: 1, flushBytes: 1, flushEvents: 1, flushIntervalMs: 1 };
  const link = new ShardLink({
    // No shard reads its settings here.
    init: {
      shard: 3,
      settings: {} as ShardInit['settings'],
      auth: undefined,
      firstEndpoint: 0,
      limits,
      leaseState: new SharedArrayBuffer(64),
      warmMs: 0,
    },
    start: (init) => {
      const shard = new FakeShard(init);
      shards.push(shard);
      opened.push(shard);
      return { port: shard.mainPort, ended: shard.ended, discard: () => shard.crash() };
    },
    owner,
    now,
    startLimitMs,
  });
  return { link, shards, told };
}

function until(condition: () => boolean): Promise<unknown> {
  return eventually(() => Promise.resolve(condition() ? true : undefined), {
    intervalMs: 2,
    what: 'the condition of the test',
  });
}

function last(shards: readonly FakeShard[]): FakeShard {
  const shard = shards.at(-1);
  if (shard === undefined) throw new Error('no shard was started');
  return shard;
}

describe('a link', () => {
  test('starts its shard with the first command, and is ready when the shard says so', async () => {
    const { link, shards, told } = setup();
    expect([shards.length, link.state]).toEqual([0, 'idle']);
    const ready = link.ready();
    link.send({ kind: 'credit', bytes: 1 });
    expect([shards.length, link.state, last(shards).init.epoch]).toEqual([1, 'starting', 1]);
    last(shards).report({ kind: 'ready' });
    await ready;
    expect(told).toEqual([['ready', 1]]);
    await until(() => last(shards).commands.length === 1);
  });

  test('returns credit in few messages: an eighth of it at least', async () => {
    const { link, shards } = setup();
    link.start();
    const bytes = batchBytes([puts(1, 5, 6, 7, 8)]);
    const each = bytes.length;
    const needed = Math.ceil(1_000 / each);
    last(shards).report({ kind: 'ready' });
    for (let count = 0; count < needed * 2; count += 1) last(shards).report({ kind: 'batch', bytes });
    await until(() => last(shards).commands.length === 2);
    expect(last(shards).commands).toEqual([
      { kind: 'credit', bytes: each * needed },
      { kind: 'credit', bytes: each * needed },
    ]);
    expect(link.totals).toEqual({ batches: needed * 2, bytes: each * needed * 2 });
  });

  test('reads what a crashed shard had posted before it starts the next one, which it tells everything', async () => {
    const { link, shards, told } = setup();
    link.start();
    const first = last(shards);
    first.report(
      { kind: 'ready' },
      { kind: 'store', mark: { clusterId: 7n, revision: 70, raftTerm: 2n }, restarts: 0 },
    );
    await link.ready();
    // The task is over while messages are still in the port.
    first.report({ kind: 'batch', bytes: batchBytes([puts(1, 5)]) });
    first.report({ kind: 'batch', bytes: batchBytes([puts(1, 6)]) });
    first.crash();
    await until(() => shards.length === 2);
    expect(told).toEqual([
      ['ready', 1],
      ['batch', [5]],
      ['batch', [6]],
      ['replaced', 2, 'the worker crashed: boom'],
    ]);
    expect(last(shards).init).toMatchObject({ epoch: 2, storeMark: { revision: 70 } });
    await until(() => last(shards).commands.length === 1);
    expect(last(shards).commands[0]).toEqual({ kind: 'unwatch', watches: [1] });
  });

  test('tells with what is known of the store how many replacements of it that shard had told of', async () => {
    const { link, shards } = setup();
    const known = { clusterId: 7n, revision: 70 };
    const toldTo = (at: number): unknown[] =>
      (shards[at]?.commands ?? []).flatMap((command) => (command.kind === 'packed-watch' ? [command.known] : []));
    link.send({ kind: 'watch', watches: [], known });
    last(shards).report({ kind: 'ready' });
    last(shards).report({ kind: 'store', mark: { clusterId: 7n, revision: 5, raftTerm: 2n }, restarts: 1 });
    await link.ready();
    await until(() => toldTo(0).length === 1);
    expect(toldTo(0)).toEqual([{ ...known, restarts: 0 }]);
    link.send({ kind: 'watch', watches: [], known });
    await until(() => toldTo(0).length === 2);
    expect(toldTo(0)[1]).toEqual({ ...known, restarts: 1 });
    // The next one begins to count anew.
    last(shards).crash();
    await until(() => shards.length === 2);
    link.send({ kind: 'watch', watches: [], known });
    await until(() => toldTo(1).length === 1);
    expect(toldTo(1)).toEqual([{ ...known, restarts: 0 }]);
  });

  test('closes the port of a task that ended in a thread that lives on, and replaces it', async () => {
    const { link, shards } = setup();
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    last(shards).report({ kind: 'stopped' });
    last(shards).end(new Error('a bug'));
    await until(() => shards.length === 2);
  });

  test('sends nothing while its shard is being replaced, and nothing of the past to the new one', async () => {
    const { link, shards } = setup();
    link.start();
    const first = last(shards);
    first.report({ kind: 'ready' });
    await link.ready();
    first.crash();
    await until(() => shards.length === 2);
    link.send({ kind: 'detach', watches: [5] });
    await until(() => last(shards).commands.length === 2);
    expect(last(shards).commands.map((command) => command.kind)).toEqual(['unwatch', 'detach']);
    expect(first.commands).toEqual([]);
  });

  test('goes on when the shard that takes another one’s place ends before it was ready', async () => {
    const { link, shards, told } = setup();
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    last(shards).crash();
    await until(() => shards.length === 2);
    last(shards).crash();
    await until(() => shards.length === 3);
    last(shards).report({ kind: 'ready' });
    await link.ready();
    expect(link.state).toBe('running');
    expect(told.filter(([kind]) => kind === 'failed')).toEqual([]);
  });

  test('fails for good when its first shard ends before it was ready, with the cause', async () => {
    const { link, shards, told } = setup();
    const ready = link.ready();
    last(shards).crash(new Error('cannot load'));
    await expect(ready).rejects.toMatchObject({ code: 'shard-failed' });
    expect(told).toEqual([['failed', 'shard-failed', 'shard 3 failed for good: the worker crashed: cannot load']]);
    link.send({ kind: 'credit', bytes: 1 });
    expect(shards.length).toBe(1);
    expect(link.state).toBe('failed');
  });

  test('fails for good at the fifth crash within a minute, not at crashes further apart', async () => {
    const clock = { ms: 0 };
    const { link, shards, told } = setup(() => clock.ms);
    link.start();
    const crash = async (): Promise<void> => {
      const count = shards.length;
      last(shards).report({ kind: 'ready' });
      await link.ready();
      last(shards).crash();
      await until(() => shards.length > count || link.state === 'failed');
    };
    for (let count = 0; count < 8; count += 1) {
      clock.ms += 15_001;
      await crash();
    }
    expect(link.state).toBe('starting');
    clock.ms += 60_000;
    for (let count = 0; count < 5; count += 1) await crash();
    expect(told.filter(([kind]) => kind === 'failed').length).toBe(1);
    expect(link.state).toBe('failed');
  });

  test('replaces a shard whose message cannot be read: what it told may be lost', async () => {
    const { link, shards, told } = setup();
    link.start();
    const first = last(shards);
    first.report({ kind: 'ready' }, { kind: 'batch', bytes: Uint8Array.of(0xc1, 1, 2) });
    await until(() => first.commands.length === 1);
    expect(first.commands).toEqual([{ kind: 'stop' }]);
    first.report({ kind: 'batch', bytes: batchBytes([puts(1, 9)]) }, { kind: 'stopped' });
    first.end();
    await until(() => shards.length === 2);
    expect(told.filter(([kind]) => kind === 'batch')).toEqual([]);
    expect(told.at(-1)?.[0]).toBe('replaced');
  });

  test('fails for good when the new shard cannot be told what the old one held', async () => {
    const { link, shards, told } = setup(undefined, () => {
      throw new Error('defect');
    });
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    last(shards).crash();
    await until(() => link.state === 'failed');
    expect([link.failure?.code, link.failure?.message]).toEqual(['shard-failed', expect.stringContaining('defect')]);
    expect(told.filter(([kind]) => kind === 'failed').length).toBe(1);
    await link.stop(5_000);
    expect(shards.length).toBe(2);
  });

  test.each(['the first start', 'a replacement'])(
    'does not count the time for which this thread is blocked against a worker that starts: %s',
    async (start) => {
      const { link, shards, told } = setup(undefined, undefined, 200);
      const blockThread = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
      link.start();
      if (start === 'the first start') blockThread();
      last(shards).report({ kind: 'ready' });
      if (start === 'the first start') blockThread();
      await link.ready();
      if (start === 'a replacement') {
        last(shards).crash();
        await until(() => shards.length === 2);
        last(shards).report({ kind: 'ready' });
        blockThread();
        await until(() => link.state !== 'starting');
      }
      expect(link.state).toBe('running');
      expect(told.filter(([kind]) => kind === 'failed')).toEqual([]);
    },
  );

  test('gives a worker up that does not become ready although this thread runs', async () => {
    const { link, told } = setup(undefined, undefined, 30);
    await expect(link.ready()).rejects.toMatchObject({ code: 'shard-failed' });
    expect(told.filter(([kind]) => kind === 'failed')).toHaveLength(1);
  });

  test('replaces a replacement that is slow to start, as if it had crashed', async () => {
    const { link, shards, told } = setup(undefined, undefined, 600);
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    last(shards).crash();
    await until(() => shards.length === 2);
    const slow = last(shards);
    await until(() => slow.commands.some(({ kind }) => kind === 'stop'));
    slow.report({ kind: 'ready' }); // too late: it was given up
    slow.crash();
    await until(() => shards.length === 3);
    last(shards).report({ kind: 'ready' });
    await link.ready();
    expect([link.state, link.epoch]).toEqual(['running', 3]);
    expect(told.map(([kind]) => kind)).toEqual(['ready', 'replaced', 'replaced']);
    expect(told.at(-1)?.[2]).toBe('the worker was not ready within 600 ms');
  });

  test('fails for good when five have ended in a row and none was ready, however far apart', async () => {
    const clock = { ms: 0 };
    const { link, shards, told } = setup(() => (clock.ms += 60_001));
    link.start();
    for (let run = 0; run < 2; run += 1) {
      last(shards).report({ kind: 'ready' });
      await link.ready();
      for (let crash = 0; crash < (run === 0 ? 4 : 5); crash += 1) {
        const count = shards.length;
        last(shards).crash();
        await until(() => shards.length > count || link.state === 'failed');
        expect(link.state).toBe(crash < 4 ? 'starting' : 'failed');
      }
    }
    expect(told.filter(([kind]) => kind === 'failed')).toHaveLength(1);
  });

  test('stops in order: told, waited for, its port closed; afterwards nothing is sent', async () => {
    const { link, shards, told } = setup();
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    const stopped = link.stop(5_000);
    await until(() => last(shards).commands.length === 1);
    last(shards).report({ kind: 'stopped' });
    last(shards).end();
    await stopped;
    await link.stop(5_000);
    link.send({ kind: 'credit', bytes: 1 });
    expect(last(shards).commands).toEqual([{ kind: 'stop' }]);
    expect([link.state, told.at(-1)?.[0]]).toEqual(['stopped', 'ready']);
    await expect(link.ready()).rejects.toMatchObject({ code: 'closed' });
  });

  test('does not wait for a shard that hangs, nor start one to stop it', async () => {
    const { link, shards } = setup();
    await link.stop(10);
    expect([link.state, shards.length]).toEqual(['stopped', 0]);
    const hanging = setup();
    hanging.link.start();
    await hanging.link.stop(10);
    expect(hanging.link.state).toBe('stopped');
  });

  test('is not replaced when it dies while it stops', async () => {
    const { link, shards } = setup();
    link.start();
    const stopped = link.stop(5_000);
    last(shards).crash();
    await stopped;
    expect([link.state, shards.length]).toEqual(['stopped', 1]);
  });

  test('gives figures, and none for a shard that does not answer in time', async () => {
    const { link, shards } = setup();
    expect(await link.stats(5)).toBeUndefined();
    link.start();
    last(shards).report({ kind: 'ready' });
    await link.ready();
    expect(await link.stats(5)).toBeUndefined();
    const asked = link.stats(5_000);
    await until(() => last(shards).commands.length === 2);
    const stats = { shard: 3 } as Extract<ShardReport, { kind: 'stats' }>['stats']; // passed through unread
    last(shards).report({ kind: 'stats', requestId: Number(last(shards).commands[1]?.['requestId']), stats });
    expect(await asked).toEqual({ shard: 3 });
  });
});
