import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { openInlineChannel } from '../../../src/main/inline-channel.js';
import type { Port } from '../../../src/wire/port.js';
import { eventually } from '../../support/poll.js';

type NumberPort = Port<number, number>;
interface Ends {
  readonly main: NumberPort;
  readonly shard: NumberPort;
}

const channels = {
  'an inline channel': (): Ends => openInlineChannel<number, number>(),
  'a MessageChannel, its model': (): Ends => {
    const { port1, port2 } = new MessageChannel();
    return { main: port1, shard: port2 };
  },
};

const opened: Ends[] = [];
afterEach(() => {
  for (const { main, shard } of opened.splice(0)) {
    main.close();
    shard.close();
  }
});

function until(condition: () => boolean): Promise<unknown> {
  return eventually(() => Promise.resolve(condition() ? true : undefined), {
    intervalMs: 2,
    what: 'the condition of the test',
  });
}

describe.each(Object.entries(channels))('%s', (_name, open) => {
  function ends(): Ends {
    const pair = open();
    opened.push(pair);
    return pair;
  }

  test.each([
    ['reports', (pair: Ends) => ({ from: pair.shard, to: pair.main })],
    ['commands', (pair: Ends) => ({ from: pair.main, to: pair.shard })],
  ])(
    'keeps %s in order, those from before there was a listener too, and never gives one out at once',
    async (_what, direction) => {
      const { from, to } = direction(ends());
      const got: number[] = [];
      from.postMessage(1);
      from.postMessage(2);
      to.on('message', (message) => void got.push(message));
      from.postMessage(3);
      expect(got).toEqual([]);
      await until(() => got.length === 3);
      from.postMessage(4);
      expect(got).toEqual([1, 2, 3]);
      await until(() => got.length === 4);
      expect(got).toEqual([1, 2, 3, 4]);
    },
  );

  test('gives what is posted by a listener behind what was posted before', async () => {
    const { main, shard } = ends();
    const got: number[] = [];
    main.on('message', (message) => {
      got.push(message);
      if (message === 1) shard.postMessage(3);
    });
    shard.postMessage(1);
    shard.postMessage(2);
    await until(() => got.length === 3);
    expect(got).toEqual([1, 2, 3]);
  });

  test('lets the event loop turn between questions and answers without end', async () => {
    const { main, shard } = ends();
    main.on('message', (message) => main.postMessage(message + 1));
    shard.on('message', (message) => shard.postMessage(message));
    main.postMessage(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('tells both ends of a close, the other one behind what was posted', async () => {
    const { main, shard } = ends();
    const told: (number | string)[] = [];
    main.on('message', (message) => void told.push(message));
    main.once('close', () => told.push('main closed'));
    shard.once('close', () => told.push('shard closed'));
    shard.postMessage(1);
    shard.postMessage(2);
    shard.close();
    shard.postMessage(3);
    expect(told).toEqual([]);
    await until(() => told.length === 4);
    expect(told.filter((entry) => entry !== 'shard closed')).toEqual([1, 2, 'main closed']);
    main.postMessage(4);
    main.close();
    await new Promise(setImmediate);
    expect(told).toHaveLength(4);
  });
});

test('an inline channel gives the rest out after a listener that threw', async () => {
  const pair = openInlineChannel<number, number>();
  opened.push(pair);
  const thrown = new Error('of the listener');
  const told: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', (error) => told.push(error));
  try {
    pair.shard.on('message', (message) => {
      told.push(message);
      if (message === 1) throw thrown;
    });
    pair.main.postMessage(1);
    pair.main.postMessage(2);
    await until(() => told.length === 3);
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  expect(told).toEqual([1, thrown, 2]);
});

test('an inline channel gives nothing out any more at the end that was closed, even by a listener in the middle', async () => {
  const pair = openInlineChannel<number, number>();
  opened.push(pair);
  const { main, shard } = pair;
  const got: number[] = [];
  let isClosed = false;
  main.on('message', (message) => {
    got.push(message);
    if (message === 2) main.close();
  });
  main.once('close', () => {
    isClosed = true;
  });
  for (const message of [1, 2, 3]) shard.postMessage(message);
  await until(() => isClosed);
  expect(got).toEqual([1, 2]);
});
