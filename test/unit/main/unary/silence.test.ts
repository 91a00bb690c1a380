/** Members whose connection is open but that give no sign of life. */
import { getEventListeners } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { kvMethods } from '../../../../src/main/unary/etcd-methods.js';
import { UnaryClient } from '../../../../src/main/unary/unary-client.js';
import { ScriptedServer, settingsFor, type Answer, type Seen } from './scripted-server.js';

const rangeAnswer = rpc.RangeResponse.encode({ more: true }).finish();
const READ = { repeatable: true, requireLeader: true } as const;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function serve(script: (call: Seen) => Answer): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  cleanups.push(() => server.close());
  return server;
}

function client(endpoints: readonly string[], requestTimeoutMs: number = 8_000): UnaryClient {
  const made = new UnaryClient({ settings: settingsFor(endpoints), requestTimeoutMs, random: () => 0.5 });
  cleanups.push(() => made.close());
  return made;
}

const isQuestion = ({ request }: Seen): boolean => rpc.RangeRequest.decode(request).countOnly;

describe('while another member is there', () => {
  it('a read leaves a member that gives no sign of life long before its time is up', async () => {
    const mute = await serve(() => 'silence');
    const good = await serve(() => rangeAnswer);
    // Longer than this test may take.
    const patient = client([mute.endpoint, good.endpoint], 3_600_000);
    await patient.call(kvMethods.range, { key: Buffer.from('k') }, READ);
    expect([mute.seen.filter((call) => !isQuestion(call)).length, good.seen.length]).toEqual([1, 1]);
  });

  it('a read waits for a slow answer of a member that shows signs of life', async () => {
    const slow = await serve((call) => (isQuestion(call) ? { code: 7, details: 'permission denied' } : 'silence'));
    const good = await serve(() => rangeAnswer);
    const reading = client([slow.endpoint, good.endpoint]).call(
      kvMethods.range,
      { key: Buffer.from('k') },
      { ...READ, timeoutMs: 4_500 },
    );
    await expect(reading).rejects.toMatchObject({ code: 'timeout', retryable: true });
    expect(slow.seen.filter(isQuestion).length).toBeGreaterThan(0);
    expect(good.seen).toHaveLength(0);
  });

  it('a write stays where it was sent', async () => {
    const mute = await serve(() => 'silence');
    const good = await serve(() => rpc.PutResponse.encode({}).finish());
    const writing = client([mute.endpoint, good.endpoint]).call(
      kvMethods.put,
      { key: Buffer.from('k') },
      { repeatable: false, requireLeader: true, timeoutMs: 4_000 },
    );
    await expect(writing).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown', retryable: false });
    expect(good.seen).toHaveLength(0);
  });
});

describe('an idle connection that something between forgot without a word', () => {
  /** Passes bytes on, on connections made before {@link forget} no more. */
  async function relay(to: ScriptedServer): Promise<{ endpoint: string; forget: () => void }> {
    const links: { isForgotten: boolean }[] = [];
    const sockets: Socket[] = [];
    const server = createServer((near) => {
      const far = connectTcp(to.port, '127.0.0.1');
      const link = { isForgotten: false };
      links.push(link);
      sockets.push(near, far);
      near.on('data', (bytes) => link.isForgotten || far.write(bytes));
      far.on('data', (bytes) => link.isForgotten || near.write(bytes));
      for (const socket of [near, far]) socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    // A server that listens on a port has an AddressInfo.
    const { port } = server.address() as AddressInfo;
    const forget = (): void => {
      for (const link of links) link.isForgotten = true;
    };
    return { endpoint: `http://127.0.0.1:${String(port)}`, forget };
  }

  it('costs a read no more than a new connection, with one endpoint, too', async () => {
    const member = await serve(() => rangeAnswer);
    const { endpoint, forget } = await relay(member);
    // Longer than this test may take.
    const patient = client([endpoint], 3_600_000);
    const read = (): Promise<unknown> => patient.call(kvMethods.range, { key: Buffer.from('k') }, READ);
    await read();
    forget();
    await Promise.all([read(), read()]);
    expect(member.seen.filter((call) => !isQuestion(call))).toHaveLength(3);
  });

  it('leaves the fate of a write unknown, and the next one goes over a new connection', async () => {
    const member = await serve(() => rpc.PutResponse.encode({}).finish());
    const { endpoint, forget } = await relay(member);
    const some = client([endpoint]);
    const write = (timeoutMs?: number): Promise<unknown> =>
      some.call(
        kvMethods.put,
        { key: Buffer.from('k') },
        { repeatable: false, requireLeader: true, ...(timeoutMs !== undefined && { timeoutMs }) },
      );
    await write();
    forget();
    await expect(write(2_000)).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown', retryable: false });
    await write();
    expect(member.seen).toHaveLength(2);
  });
});

describe('one signal for many calls', () => {
  it('is listened to once, and no more when they are over', async () => {
    const server = await serve(() => rangeAnswer);
    const { signal } = new AbortController();
    const some = client([server.endpoint]);
    const calls = Array.from({ length: 50 }, () =>
      some.call(kvMethods.range, { key: Buffer.from('k') }, { ...READ, signal }),
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
