/** What is wrong is told by call and option: `call: name must …`. */
import { describe, expect, it } from 'vitest';
import { resolveConnectOptions, type ConnectOptions } from '../../../src/main/connect-options.js';
import { compare } from '../../../src/main/kv/compare.js';
import { del, range } from '../../../src/main/kv/operation.js';
import { Registration } from '../../../src/main/lease/lease-registration.js';
import { LeaseSession } from '../../../src/main/lease/lease-session.js';
import { resolveChange } from '../../../src/main/reconfigure-options.js';

const connecting = async (options: object): Promise<unknown> => resolveConnectOptions(options as ConnectOptions);

async function changing(options: object): Promise<unknown> {
  const present = await resolveConnectOptions({ endpoints: 'a:1' });
  return resolveChange(options, present, 'reconfigure');
}

function updating(value: unknown): void {
  const { signal } = new AbortController();
  const session = new LeaseSession(() => new Promise(() => undefined), signal);
  const registration = new Registration(session, () => Promise.resolve(), Buffer.from('k'), Buffer.from('v'), signal);
  try {
    registration.update(value as string);
  } finally {
    registration.release();
  }
}

const BACKWARDS = { from: 'b', to: 'a' } as const;

describe('a wrong argument is told with its call and its name', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'connect({})',
      () => connecting({}),
      /^connect: endpoints must be a string or an array of strings, not undefined/u,
    ],
    ['connect, an empty list', () => connecting({ endpoints: [] }), /^connect: endpoints must name at least one/u],
    ['connect, an empty text', () => connecting({ endpoints: '' }), /^connect: an endpoint is empty/u],
    ['connect, a number', () => connecting({ endpoints: [5] }), /^connect: endpoints must be a string or an array/u],
    ['connect, no port', () => connecting({ endpoints: 'h' }), /^connect: endpoint 'h' has no port/u],
    ['connect, twice', () => connecting({ endpoints: 'h:1,h:1' }), /^connect: endpoint 'h:1' is given twice/u],
    ['reconfigure({})', () => changing({}), /^reconfigure: endpoints, tls or auth must be given$/u],
    [
      'reconfigure, a number',
      () => changing({ endpoints: 5 }),
      /^reconfigure: endpoints must be a string or an array/u,
    ],
    ['update(5)', () => updating(5), /^update: value must be a string or a Uint8Array, not a value of type number$/u],
    ['range, backwards', () => range(BACKWARDS), /^range: keys\.from must be below 'to', which is exclusive/u],
    ['del, backwards', () => del(BACKWARDS), /^del: keys\.from must be below 'to'/u],
    ['compare, backwards', () => compare(BACKWARDS), /^compare: range\.from must be below 'to'/u],
  ])('%s', async (_name, run, words) => {
    await expect((async (): Promise<unknown> => run())()).rejects.toMatchObject({
      code: 'invalid-argument',
      outcome: 'not-sent',
      message: expect.stringMatching(words) as string,
    });
  });
});
