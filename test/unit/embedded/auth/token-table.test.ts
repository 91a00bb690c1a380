import { expect, it } from 'vitest';
import { TOKEN_TTL_MS, TokenTable } from '../../../../src/embedded/auth/token-table.js';
import { ManualClock } from '../../../../src/embedded/clock.js';

it('a token is sixteen letters and the index of its login', () => {
  expect(new TokenTable(new ManualClock()).issue('alice', 42)).toMatch(/^[A-Za-z]{16}\.42$/);
});

it('a token lives for 300 s after its last use', () => {
  const clock = new ManualClock();
  const tokens = new TokenTable(clock);
  const token = tokens.issue('alice', 1);
  clock.advance(TOKEN_TTL_MS);
  expect(tokens.use(token)?.name).toBe('alice');
  clock.advance(TOKEN_TTL_MS);
  expect(tokens.use(token)?.name).toBe('alice');
  clock.advance(TOKEN_TTL_MS + 1);
  expect(tokens.use(token)).toBeUndefined();
});

it('a token that was never issued stands for nobody', () => {
  const tokens = new TokenTable(new ManualClock());
  tokens.issue('alice', 1);
  expect(tokens.use('')).toBeUndefined();
  expect(tokens.use('abcdefghijklmnop.1')).toBeUndefined();
});

it("a user's tokens can be ended without those of others, and all at once", () => {
  const tokens = new TokenTable(new ManualClock());
  const [first, second, other] = [tokens.issue('alice', 1), tokens.issue('alice', 2), tokens.issue('bob', 3)];
  tokens.dropUser('alice');
  expect([first, second, other].map((token) => tokens.use(token)?.name)).toEqual([undefined, undefined, 'bob']);
  tokens.dropAll();
  expect(tokens.use(other)).toBeUndefined();
});

it('tokens are of the current auth revision until they are held to one', () => {
  const tokens = new TokenTable(new ManualClock());
  const old = tokens.issue('alice', 1);
  expect(tokens.use(old)?.revision).toBeUndefined();
  tokens.holdTo(7);
  tokens.holdTo(8);
  const young = tokens.issue('alice', 2);
  expect(tokens.use(old)?.revision).toBe(7);
  expect(tokens.use(young)?.revision).toBeUndefined();
});
