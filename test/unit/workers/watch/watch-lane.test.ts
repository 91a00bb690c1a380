/** How a lane opens its connections, leaves them, and opens others. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Rig extends SettlingRig {
  statusTypes(): string[] {
    return this.statuses.map(({ type }) => type);
  }
}

const unavailable = (): EtcdError => new EtcdError('broken', { code: 'unavailable' });

describe('connections of a lane', () => {
  const connects = (rig: Rig): number =>
    rig.server.members.reduce((sum, { connections }) => sum + connections.length, 0);

  it('goes to the next member at once, and waits longer only each time all have failed', async () => {
    const rig = new Rig({ members: 3 });
    for (const member of rig.server.members) member.isDown = true;
    rig.watch(watchSpec());
    await rig.settle(0);
    await rig.settle(5000);
    const failures = rig.statuses.flatMap((status) => (status.type === 'disconnected' ? [status.endpoint] : []));
    expect(failures.slice(0, 7)).toEqual(['fake:0', 'fake:1', 'fake:2', 'fake:0', 'fake:1', 'fake:2', 'fake:0']);
    // About one round a second in the end, not thousands.
    expect(connects(rig)).toBeLessThan(60);
    for (const member of rig.server.members) member.isDown = false;
    await rig.settle(2000);
    expect(rig.get(1).createdCount).toBe(1);
  });

  it('backs off from a member that takes watches and then drops the stream, again and again', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    for (let elapsed = 0; elapsed < 10_000; elapsed += 50) {
      await rig.settle(0);
      if (rig.get(1).createdCount > 0) for (const stream of rig.server.streams()) stream.cut(unavailable());
      await rig.advance(50);
    }
    expect(connects(rig)).toBeLessThan(40);
  });

  it('gives watches up when hopeless errors have come for ten seconds, with that error', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    const hopeless = new EtcdError('not etcd', { code: 'protocol-error' });
    const sinceMs = rig.now + 1500;
    while (rig.now < sinceMs + 10_000) {
      expect(rig.get(1).ended).toBeUndefined();
      await rig.settle(1500);
      for (const stream of rig.server.streams()) stream.cut(hopeless);
    }
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'protocol-error' });
  });

  it.each(['protocol-error', 'unimplemented', 'server-error', 'unauthenticated'] as const)(
    'ends nothing for %s at every attempt of two seconds, as from a proxy that is reloaded',
    async (code) => {
      const rig = new Rig({ members: 2 });
      rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2 }));
      await rig.settle(7000);
      const untilMs = rig.now + 2000;
      const { open } = rig.server;
      const refuse = vi.spyOn(rig.context, 'openConnection').mockImplementation((endpoint, settings, handlers) => {
        const connection = open(endpoint, settings, handlers);
        if (rig.now < untilMs) {
          connection.unary = () => Promise.reject(new EtcdError('reloading', { code, endpoint: endpoint.text }));
        }
        return connection;
      });
      for (const stream of rig.server.streams()) stream.cut(new EtcdError('reloading', { code }));
      await rig.settle(5000);
      // Few attempts, with pauses that grow.
      expect(refuse.mock.calls.length).toBeGreaterThan(5);
      expect(refuse.mock.calls.length).toBeLessThan(30);
      rig.server.store.write({ put: 'k' });
      await rig.settle(20_000);
      for (const watch of [1, 2]) {
        expect(rig.get(watch).ended).toBeUndefined();
        expect(rig.revisions(watch)).toEqual([2]);
      }
    },
  );

  it('does not add up hopeless errors that come hours apart', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    for (let round = 0; round < 12; round += 1) {
      await rig.settle(7000);
      for (const stream of rig.server.streams()) stream.cut(new EtcdError('proxy hiccup', { code: 'server-error' }));
    }
    await rig.settle(2000);
    expect(rig.get(1).ended).toBeUndefined();
    expect(rig.engine.counts().live).toBe(1);
  });

  it('is replaced first and drained then when its peer says goaway; nothing is lost or doubled', async () => {
    const rig = new Rig({ members: 2 });
    rig.watch(watchSpec());
    await rig.settle(100);
    const [old] = rig.server.connections();
    old?.goaway();
    for (let round = 0; round < 20; round += 1) {
      rig.server.store.write({ put: 'k' });
      rig.server.step();
      await rig.advance(20);
    }
    await rig.settle(2000);
    expect(old?.closed).toBe(true);
    expect(rig.server.connections().map(({ endpoint }) => endpoint.text)).toEqual(['fake:1']);
    expect(rig.revisions(1)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
  });

  it('is not opened in a loop where its peer says goaway as soon as it is', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    let opened = 0;
    const { open } = rig.server;
    vi.spyOn(rig.context, 'openConnection').mockImplementation((endpoint, settings, handlers) => {
      opened += 1;
      const connection = open(endpoint, settings, handlers);
      const { openStream } = connection;
      connection.openStream = (...args) => {
        const stream = openStream.apply(connection, args);
        queueMicrotask(() => rig.server.connections().at(-1)?.goaway());
        return stream;
      };
      return connection;
    });
    for (const connection of rig.server.connections()) connection.goaway();
    await rig.settle(20_000);
    expect(opened).toBeGreaterThan(10);
    // A pause of a second at most, which is half of that at least.
    expect(opened).toBeLessThan(60);
    vi.restoreAllMocks();
    rig.server.store.write({ put: 'k' });
    await rig.settle(5_000);
    expect(rig.revisions(1)).toEqual([2]);
  });

  it('that is being made with old settings is made anew with changed ones', async () => {
    const rig = new Rig({ members: 2 });
    const [first, second] = rig.server.endpoints;
    if (first === undefined || second === undefined) throw new Error('two members');
    rig.context.settings = { ...rig.context.settings, endpoints: [first] };
    rig.watch(watchSpec());
    await rig.advance(0);
    const [attempt] = rig.server.connections();
    expect(attempt?.endpoint.text).toBe('fake:0');
    rig.context.settings = { ...rig.context.settings, endpoints: [second] };
    rig.engine.settingsChanged(0);
    await rig.settle(500);
    expect(attempt?.closed).toBe(true);
    expect(rig.server.connections().map(({ endpoint }) => endpoint.text)).toEqual(['fake:1']);
    expect(rig.get(1).createdCount).toBe(1);
  });

  it('that was replaced is closed when its watches have left it, also while another watch waits for the future', async () => {
    const rig = new Rig({ members: 2 });
    const [first, second] = rig.server.endpoints;
    if (first === undefined || second === undefined) throw new Error('two members');
    rig.context.settings = { ...rig.context.settings, endpoints: [first] };
    rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2, startRevision: 1000 }));
    await rig.settle(2000);
    rig.context.settings = { ...rig.context.settings, endpoints: [second] };
    rig.engine.settingsChanged(0);
    await rig.settle(20_000);
    expect(rig.server.connections().map(({ endpoint }) => endpoint.text)).not.toContain('fake:0');
    rig.server.store.write({ put: 'k' });
    await rig.settle(1000);
    expect(rig.revisions(1)).toEqual([2]);
  });

  it('is closed when nobody is on it any more', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    await rig.settle(500);
    rig.engine.unwatch([1]);
    await rig.settle(1000);
    expect(rig.server.connections()).toEqual([]);
    expect(rig.get(1).ended).toEqual({ error: undefined });
  });

  it('that is being made is closed with the engine', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    await rig.advance(0);
    rig.engine.close();
    await rig.settle(500);
    expect(rig.server.connections()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells main of the store it reaches', async () => {
    const rig = new Rig({ store: storeWith(9) });
    rig.watch(watchSpec());
    await rig.settle(100);
    expect(rig.reports.find(({ kind }) => kind === 'store')).toMatchObject({ mark: { revision: 9 } });
  });
});
