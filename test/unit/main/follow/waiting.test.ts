/** Whoever waits for a connection in vain is told why there was none. */
import { describe, expect, it } from 'vitest';
import type { ConnectionOffer } from '../../../../src/main/follow/connection-offer.js';
import { connectFollowing } from '../../../../src/main/follow/follower.js';
import { EtcdError } from '../../../../src/wire/errors.js';

function givenUp(...offers: readonly (ConnectionOffer | EtcdError)[]): Promise<unknown> {
  const giveUp = new AbortController();
  const waiting = connectFollowing(
    {
      name: 'connection-file',
      follow: (take) => {
        for (const offer of offers) take(offer);
        return () => undefined;
      },
    },
    { signal: giveUp.signal },
  );
  giveUp.abort(new Error('enough'));
  return waiting;
}

const missing = new EtcdError('/wrong/path.json cannot be read (ENOENT)', { code: 'file-failed' });

describe('a wait for a connection that its signal ends', () => {
  it('tells why the file could not be used, in message and cause', async () => {
    await expect(givenUp({ kind: 'none' }, missing)).rejects.toMatchObject({
      code: 'aborted',
      outcome: 'not-sent',
      message: expect.stringContaining('/wrong/path.json cannot be read (ENOENT)') as string,
      cause: missing,
    });
  });

  it('tells that nothing is offered, where that was the last word', async () => {
    await expect(givenUp(missing, { kind: 'none' })).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('no connection is offered at present') as string,
      cause: expect.objectContaining({ message: 'enough' }) as Error,
    });
  });

  it('has nothing to tell before the first read has ended', async () => {
    await expect(givenUp()).rejects.toMatchObject({ code: 'aborted', message: 'the signal has fired' });
  });
});
